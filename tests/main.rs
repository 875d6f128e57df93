//! Rumbo's integration tests: one binary, one module a subject.

mod account;
mod architecture;
mod assessment;
mod catalogue;
mod completion;
mod concurrency;
mod contract;
mod deliverable;
mod enrolment;
mod entities;
mod fields;
mod http;
mod institution;
mod journeys;
mod mail;
mod matrix;
mod oracle;
mod patience;
mod policy;
mod report;
mod statistics;
mod submission;
mod support;
mod team;
mod unseen;
