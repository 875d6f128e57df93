//! The codes of what is wrong with an input. They are listed in `error/code.rs`, with the descriptions that clients see.

use async_graphql::Enum;

use crate::error::codes;

codes! {
    mirror
    /// What is wrong with an input. Codes never change their meaning.
    UserErrorCode of crate::error::Code
}
