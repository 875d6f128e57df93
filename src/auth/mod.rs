//! What proves who somebody is: passwords and tokens. What a person may do is `domain/policy.rs`'s.

pub mod password;
pub mod token;
