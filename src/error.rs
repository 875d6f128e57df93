//! Every way in which a use case can fail, with the codes that clients may rely on.
//!
//! A code never changes its meaning. The sentences that go with the codes are in `api/error.rs`, in
//! three languages; nothing here is ever shown as it is.

use std::fmt;

use sea_orm::DbErr;

mod code;

pub use code::Code;
pub(crate) use code::codes;

/// One [`Code`] and the path of the input that it is about, such as `input.capacity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub code: Code,
    /// Where: field names and list positions from the argument down.
    pub path: Vec<String>,
    /// The limit or the present value that the sentence names, where there is one.
    pub detail: Option<String>,
}

impl Fault {
    /// A fault of the whole input.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            path: vec!["input".into()],
            detail: None,
        }
    }

    /// A fault of one field of the input; `at` may be a dotted path below `input`.
    pub fn at(at: &str, code: Code) -> Self {
        let path = std::iter::once("input").chain(at.split('.')).map(Into::into).collect();
        Self {
            code,
            path,
            detail: None,
        }
    }

    /// The same with the limit or present value that its sentence names.
    #[must_use]
    pub fn with(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }
}

/// Why a request with a key is refused. Nothing was done by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It is not 1 to 255 visible characters of ASCII, or there are several.
    Malformed,
    /// The operation has not exactly one mutation at its first level.
    NotOneMutation,
    /// The answer of this mutation holds a secret and cannot be kept.
    SecretAnswer,
    /// The key was used with another payload.
    Reused,
    /// The first request with the key still runs.
    InUse,
    /// The mutation was done, but the caller may no longer see what its answer shows.
    Withheld,
    /// The answer would be longer than so many bytes, and could not be kept.
    AnswerTooLong(usize),
}

impl KeyRefusal {
    /// Its code, which never changes its meaning.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "IDEMPOTENCY_KEY_MALFORMED",
            Self::NotOneMutation => "IDEMPOTENCY_KEY_NEEDS_ONE_MUTATION",
            Self::SecretAnswer => "IDEMPOTENCY_KEY_NOT_TAKEN",
            Self::Reused => "IDEMPOTENCY_KEY_REUSED",
            Self::InUse => "IDEMPOTENCY_KEY_IN_USE",
            Self::Withheld => "IDEMPOTENCY_ANSWER_WITHHELD",
            Self::AnswerTooLong(_) => "IDEMPOTENCY_ANSWER_TOO_LARGE",
        }
    }
}

/// Every way a use case can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in, and somebody must be.
    #[error("nobody is signed in")]
    Unauthenticated,
    /// The actor sees the thing but may not do this to it.
    #[error("the actor may not do this")]
    Forbidden,
    /// The API token does not reach so far, whatever its owner may do; holds the action that no scope of it covers.
    #[error("no scope of the token covers {0}")]
    InsufficientScope(&'static str),
    /// The actor's roles count only once the second factor was given, and without them the actor may not do this.
    #[error("the actor's roles wait for a second factor")]
    SecondFactorRequired,
    /// Absent, or not for this actor's eyes; the two cannot be told apart. Holds the input path.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// The same of one in a list of the input. Holds the path of the list and the place in it.
    #[error("not found: {0}.{1}")]
    NotFoundIn(&'static str, usize),
    /// What the sender can put right.
    #[error("the input is refused: {0:?}")]
    Invalid(Vec<Fault>),
    /// Too many requests of a kind that is limited; holds the seconds to wait.
    #[error("too many requests; wait {0} s")]
    Busy(u64),
    /// An identity provider did not answer as it should.
    #[error("an identity provider failed")]
    Provider,
    /// It took longer than an operation or a statement may.
    #[error("it took too long")]
    Timeout,
    /// More is going on than this copy of Rumbo takes.
    #[error("too much is going on")]
    Overloaded,
    /// Two transactions met in the database, and this one was undone: nothing of it happened, and it may be tried
    /// again.
    #[error("two transactions met: {cause}")]
    Conflict {
        /// What the database said.
        cause: Box<DbErr>,
        /// Whether they waited for each other; otherwise both wrote what only one may.
        lock: bool,
    },
    /// The idempotency key of the request does not go with it.
    #[error("the key is refused: {0:?}")]
    Key(KeyRefusal),
    /// Anything that is nobody's fault but ours.
    #[error("internal: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An internal failure with its cause.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }

    /// The refusal of one field.
    pub fn at(at: &str, code: Code) -> Self {
        Self::Invalid(vec![Fault::at(at, code)])
    }
}

impl From<KeyRefusal> for Error {
    fn from(refusal: KeyRefusal) -> Self {
        Self::Key(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Invalid(vec![fault])
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::Invalid(vec![Fault::new(code)])
    }
}

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Gathers the faults of an input, so that its sender learns at once all that is wrong with its form, or then with what
/// it says.
///
/// ```ignore
/// let mut faults = Faults::default();
/// let title = faults.take("title", Title::parse(&input.title));
/// let (Some(title),) = (title,) else { return Err(faults.into()) };
/// ```
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The value, or `None` with its fault kept under the path `at`.
    pub fn take<T>(&mut self, at: &str, parsed: Result<T, impl Into<Flaw>>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(flaw) => {
                let flaw = flaw.into();
                self.0.push(Fault {
                    detail: flaw.detail,
                    ..Fault::at(at, flaw.code)
                });
                None
            }
        }
    }

    /// As [`Faults::take`], of an argument that is no `input`; `at` begins with its name.
    pub fn take_argument<T>(&mut self, at: &str, parsed: Result<T, impl Into<Flaw>>) -> Option<T> {
        parsed
            .map_err(|flaw| {
                let Flaw { code, detail } = flaw.into();
                let path = at.split('.').map(Into::into).collect();
                self.0.push(Fault { code, path, detail });
            })
            .ok()
    }

    /// Keeps one more fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Keeps a fault that many rows may share, once.
    pub fn push_once(&mut self, fault: Fault) {
        if !self.0.contains(&fault) {
            self.push(fault);
        }
    }

    /// What was read, when nothing was wrong with any of it.
    ///
    /// # Errors
    /// Everything that was kept.
    pub fn whole<T>(self, read: Option<T>) -> Result<T> {
        match read {
            Some(read) if self.0.is_empty() => Ok(read),
            _ => Err(self.into()),
        }
    }

    /// Refuses when anything was kept.
    pub fn check(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self.0))
        }
    }
}

impl From<Faults> for Error {
    fn from(faults: Faults) -> Self {
        Self::Invalid(faults.0)
    }
}

/// What is wrong with one value, before it is known where in the input the value stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// What is wrong.
    pub code: Code,
    /// The limit that was broken, where there is one.
    pub detail: Option<String>,
}

impl From<Code> for Flaw {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}
