//! What a mutation answers: the thing that it made or changed, or what its sender can put right.

/// Declares payload types: `Option` fields beside `userErrors`, and the way from a use case's result.
///
/// A refusal that the sender can put right becomes `userErrors`; any other failure stays an error.
macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident { $(#[$field_doc:meta])* $field:ident: $type:ty })*) => {
        $(
            $(#[$doc])*
            #[derive(async_graphql::SimpleObject)]
            pub struct $name {
                $(#[$field_doc])*
                pub $field: Option<$type>,
                /// What to put right; when it is not empty, nothing was changed.
                pub user_errors: Vec<crate::api::error::UserError>,
            }

            impl $name {
                /// The payload for the result of a use case.
                pub fn of<T>(
                    result: crate::error::Result<T>,
                    wrap: impl FnOnce(T) -> $type,
                ) -> crate::api::error::ApiResult<Self> {
                    match result {
                        Ok(value) => Ok(Self { $field: Some(wrap(value)), user_errors: Vec::new() }),
                        Err(crate::error::Error::Invalid(faults)) => {
                            let user_errors = faults.into_iter().map(crate::api::error::UserError).collect();
                            Ok(Self { $field: None, user_errors })
                        }
                        Err(failure) => Err(failure.into()),
                    }
                }
            }
        )*
    };
}

pub(crate) use payloads;
