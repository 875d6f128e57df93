//! Rumbo's integration tests: one binary, one module a subject.

mod architecture;
mod catalogue;
mod enrolment;
mod entities;
mod report;
mod statistics;
mod support;
