//! What checks and policies of the application return.

use std::error::Error;

use super::CheckError;

/// What the closure of a check or a policy may return: whether the token is good for it, or `Err` with the reason why it is
/// not. The reason goes to the log and, typed, into the error; the client learns a fixed text.
///
/// | type | passes | reason |
/// |---|---|---|
/// | `bool` | `true` | a fixed one |
/// | `Option<()>` | `Some(())` | a fixed one |
/// | `Result<(), E>` | `Ok(())` | the error |
///
/// Not `Option<bool>` or `Result<bool, E>`: whether `Some(false)` passes would be anybody's guess.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a check or a policy returns",
    label = "whether the token is good for it",
    note = "return a `bool`, an `Option<()>`, or a `Result<(), E>` whose `E` is an error that is `Send + Sync`"
)]
pub trait CheckOutcome {
    /// `Err` where the token is not good for it.
    fn into_result(self) -> Result<(), CheckError>;
}

/// The reason of a check that gives none.
#[derive(Debug, thiserror::Error)]
#[error("it gives no reason")]
pub(crate) struct NoReason;

impl CheckOutcome for bool {
    fn into_result(self) -> Result<(), CheckError> {
        if self { Ok(()) } else { Err(CheckError::new(NoReason)) }
    }
}

impl CheckOutcome for Option<()> {
    fn into_result(self) -> Result<(), CheckError> {
        self.ok_or_else(|| CheckError::new(NoReason))
    }
}

impl<E: Error + Send + Sync + 'static> CheckOutcome for Result<(), E> {
    fn into_result(self) -> Result<(), CheckError> {
        self.map_err(CheckError::new)
    }
}
