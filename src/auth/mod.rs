//! What proves who somebody is: passwords, second factors, identity providers and tokens, and what seals their secrets.
//! What a person may do is `domain/policy.rs`'s.

pub mod api_token;
pub mod fingerprint;
mod hash_threads;
pub mod key;
pub mod keys;
pub mod link;
pub mod password;
pub mod provider;
pub mod second_factor;
pub mod token;
pub mod unsubscribe;
pub mod vault;
mod verified;
