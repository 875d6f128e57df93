//! How a command ends: with what it was asked for, refused, or failed. Each has its exit code and its sentence.

use std::fmt;
use std::io::{self, Write};

use crate::api;
use crate::config::ConfigError;
use crate::domain::language::Language;
use crate::error::{Error, Fault};
use crate::mail::SetupError;

/// The exit code when all is well.
pub const DONE: u8 = 0;
/// The exit code for a failure, and for an invariant that does not hold.
pub const FAILED: u8 = 1;
/// The exit code for arguments, settings and files that are refused; the one that the reader of arguments has as well.
pub const REFUSED: u8 = 2;

/// Why a command did not do what was asked. As text it is what to tell, a line for each thing that is wrong.
#[derive(Debug)]
pub enum Failure {
    /// Whoever asked can put it right.
    Refused(String),
    /// Anything else.
    Failed(String),
}

/// How a command ends: with its exit code, or a failure.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => REFUSED,
            Self::Failed(_) => FAILED,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(what) | Self::Failed(what) => out.write_str(what),
        }
    }
}

impl From<Error> for Failure {
    fn from(failure: Error) -> Self {
        match failure {
            Error::Invalid(faults) => {
                let lines: Vec<String> = faults.iter().map(line).collect();
                Self::Refused(lines.join("\n"))
            }
            Error::NotFound(_) | Error::NotFoundIn(..) => Self::Refused(failure.to_string()),
            Error::Internal(cause) if cause.is::<ConfigError>() || cause.is::<SetupError>() => {
                Self::Refused(cause.to_string())
            }
            Error::Internal(cause) => Self::Failed(cause.to_string()),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(fault: ConfigError) -> Self {
        Self::Refused(fault.to_string())
    }
}

/// What is wrong with an option: the API's sentence, under the name that the option has here.
fn line(fault: &Fault) -> String {
    let sentence = api::error::sentence(fault.code, fault.detail.as_deref(), Language::En);
    match option(&fault.path) {
        Some(option) => format!("{option}: {sentence}"),
        None => sentence,
    }
}

/// The option behind a path of the API: `input`, `givenName` is `--given-name`.
fn option(path: &[String]) -> Option<String> {
    let name = path.last()?.rsplit('.').next()?;
    match name {
        "input" => None,
        "password" => Some("the password, the first line of standard input".to_owned()),
        name => {
            let mut option = String::from("--");
            for letter in name.chars() {
                if letter.is_ascii_uppercase() {
                    option.push('-');
                }
                option.push(letter.to_ascii_lowercase());
            }
            Some(option)
        }
    }
}

/// Standard output, or another one, that knows whether its reader has gone, as `head` does once it has seen enough.
#[derive(Debug)]
pub struct Output<W> {
    to: W,
    is_unread: bool,
}

impl<W: Write> Output<W> {
    /// Wraps what is written to.
    pub const fn new(to: W) -> Self {
        Self { to, is_unread: false }
    }

    /// Whether the reader has gone.
    pub const fn is_unread(&self) -> bool {
        self.is_unread
    }

    fn note<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        self.is_unread |= is_gone(&written);
        written
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.note(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.note(flushed)
    }
}

/// The same, without the failure to reach a reader who has gone.
pub fn unless_gone(written: io::Result<()>) -> io::Result<()> {
    if is_gone(&written) { Ok(()) } else { written }
}

fn is_gone<T>(written: &io::Result<T>) -> bool {
    matches!(written, Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Faults};

    fn told(failure: impl Into<Failure>) -> (u8, String) {
        let failure = failure.into();
        (failure.code(), failure.to_string())
    }

    #[test]
    fn a_refusal_names_options() {
        let mut faults = Faults::default();
        faults.push(Fault::at("givenName", Code::Required));
        faults.push(Fault::at("password", Code::TooShort).with(12));
        faults.push(Fault {
            code: Code::DatesOutOfOrder,
            path: vec!["filter.period.to".to_owned()],
            detail: Some("2022-01-01".to_owned()),
        });
        faults.push(Fault::new(Code::IllegalTransition));
        let wanted = "--given-name: This is required.\n\
                      the password, the first line of standard input: This is too short: the least is 12.\n\
                      --to: This is out of order with 2022-01-01: it must come later, or be the same where that is allowed.\n\
                      The present state does not allow this step.";
        assert_eq!(told(Error::from(faults)), (REFUSED, wanted.to_owned()));
    }

    #[test]
    fn what_can_be_put_right_has_another_code_than_what_cannot() {
        let fault = || ConfigError::invalid("auth.secret", "missing");
        assert_eq!(told(fault()), (REFUSED, "auth.secret: missing".to_owned()));
        assert_eq!(told(Error::from(fault())).0, REFUSED);
        assert_eq!(told(Error::internal(SetupError::Server)).0, REFUSED);
        assert_eq!(told(Error::NotFound("edition")).0, REFUSED);
        assert_eq!(
            told(Error::internal("a disk is full")),
            (FAILED, "a disk is full".to_owned())
        );
        assert_eq!(told(Error::Forbidden).0, FAILED);
        assert_eq!(told(Error::Overloaded).0, FAILED);
    }

    /// Takes so many bytes before its reader goes.
    struct Reader(usize);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn only_a_reader_who_has_gone_is_no_failure() {
        let mut out = Output::new(Reader(5));
        assert!(out.write_all(b"12345").is_ok() && !out.is_unread());
        assert!(
            out.flush().is_err() && !out.is_unread(),
            "a full disk is something else"
        );
        assert!(out.write_all(b"6").is_err() && out.is_unread());
        assert!(unless_gone(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(unless_gone(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
