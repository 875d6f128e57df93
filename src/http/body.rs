//! Bodies of requests, read whole.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than it may be.
    TooLong,
    /// It broke off.
    BrokenOff,
}

/// The body, as long as it is not too long; of one that is, no more than that is read.
///
/// # Errors
/// [`Unread`].
pub async fn whole(body: Body, most: usize) -> Result<Bytes, Unread> {
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(failure) if is_too_long(failure.as_ref()) => Err(Unread::TooLong),
        Err(_) => Err(Unread::BrokenOff),
    }
}

/// Whether a limit ended the body: this one, or the router's, which stands around it.
fn is_too_long(failure: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(failure);
    while let Some(inner) = cause {
        if inner.is::<LengthLimitError>() {
            return true;
        }
        cause = inner.source();
    }
    false
}
