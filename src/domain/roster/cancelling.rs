//! Whether a table that was asked for can be cancelled: until it has ended, or nothing of it is left to carry out.

use super::ImportState;
use crate::domain::list::Mode;
use crate::error::Code;

/// How far a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How much is carried out when some of it cannot be.
    pub mode: Mode,
    /// Whether any of it was carried out.
    pub carried_out: bool,
    /// How many rows are done.
    pub done: i64,
    /// How many there are; 0 until the file was read.
    pub total: i64,
}

impl Progress {
    /// Whether nothing is left to carry out. What is carried out as one is so wholly.
    const fn is_whole(self) -> bool {
        let is_one = matches!(self.mode, Mode::AllOrNothing);
        self.carried_out && (is_one || self.done >= self.total)
    }
}

/// Why a table is not cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It has ended in this state.
    Ended(ImportState),
    /// All of it was carried out, though nobody has told yet what came of it.
    CarriedOut,
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Ended(_) | Refusal::CarriedOut => Self::IllegalTransition,
        }
    }
}

impl ImportState {
    /// The state of a table that is cancelled when it is so far.
    ///
    /// # Errors
    /// [`Refusal`] once it has ended, or nothing of it is left to carry out.
    pub const fn cancel(self, progress: Progress) -> Result<Self, Refusal> {
        match self {
            Self::Running if progress.is_whole() => Err(Refusal::CarriedOut),
            Self::AwaitingFile | Self::Queued | Self::Running => Ok(Self::Cancelled),
            Self::Done | Self::Unreadable | Self::Failed | Self::Cancelled => Err(Refusal::Ended(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Progress = Progress {
        mode: Mode::RowByRow,
        carried_out: false,
        done: 0,
        total: 0,
    };

    #[test]
    fn what_has_not_ended_is_cancelled_and_nothing_is_twice() {
        for &state in ImportState::ALL {
            let cancelled = state.cancel(BEGUN);
            match state {
                ImportState::AwaitingFile | ImportState::Queued | ImportState::Running => {
                    assert_eq!(cancelled, Ok(ImportState::Cancelled));
                }
                ImportState::Done | ImportState::Unreadable | ImportState::Failed | ImportState::Cancelled => {
                    assert_eq!(cancelled, Err(Refusal::Ended(state)));
                    assert_eq!(Code::from(Refusal::Ended(state)), Code::IllegalTransition);
                }
            }
        }
    }

    #[test]
    fn what_is_carried_out_to_the_end_is_not_cancelled() {
        let at = |mode, carried_out, done| Progress {
            mode,
            carried_out,
            done,
            total: 450,
        };
        let running = |progress| ImportState::Running.cancel(progress).is_ok();
        // Rows by themselves, while some are left.
        assert!(running(at(Mode::RowByRow, false, 0)));
        assert!(running(at(Mode::RowByRow, true, 400)));
        assert!(!running(at(Mode::RowByRow, true, 450)));
        // All as one, as long as it is not committed, however many are written.
        assert!(running(at(Mode::AllOrNothing, false, 450)));
        assert!(!running(at(Mode::AllOrNothing, true, 450)));
        // Whoever finds it carried out begins to count anew.
        assert!(!running(at(Mode::AllOrNothing, true, 0)));
    }
}
