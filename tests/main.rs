//! Rumbo's integration tests: one binary, one module a subject.

mod account;
mod architecture;
mod catalogue;
mod contract;
mod enrolment;
mod entities;
mod http;
mod institution;
mod policy;
mod report;
mod statistics;
mod support;
