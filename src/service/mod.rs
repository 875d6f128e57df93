//! Use cases: one public async function each. It owns the transaction and the order of the steps:
//! load through the actor's eyes, ask the policy, apply the rule, write, tell history, audit, statistics
//! and outbox, commit.
//!
//! A use case never calls a use case; what two of them share stands in a module of its own
//! (`admission`, `application`) that never opens a transaction.

pub mod ability;
pub mod account;
mod admission;
pub mod api_token;
mod application;
pub mod assessment;
pub mod audit;
pub mod calendar;
pub mod completion;
pub mod consent;
pub mod correction;
pub mod course;
pub mod decision;
pub mod deliverable;
pub mod digest;
pub mod edition;
pub mod enrolment;
pub mod export;
pub mod form;
pub mod grade;
pub mod idempotency;
pub mod identity;
pub mod import;
pub mod institution;
pub mod invitation;
pub mod mailing;
pub mod nomination;
pub mod offer;
pub mod role;
pub mod roster;
pub mod scoring;
pub mod seat;
pub mod second_factor;
pub mod session;
pub mod signing_key;
pub mod statistics;
pub mod submission;
pub mod team;
pub mod transfer;
