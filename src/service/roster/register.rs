//! The register of institutions, read once for a file.

use crate::app::App;
use crate::domain::roster::Register;
use crate::error::Result;
use crate::store::institution;

/// How many institutions are read with one statement.
const AT_ONCE: u64 = 1000;

/// Reads all of it.
pub(super) async fn read(app: &App) -> Result<Register> {
    let mut register = Register::default();
    let mut after = None;
    loop {
        let part = institution::listed(app.db.read(), after, AT_ONCE).await?;
        let Some(last) = part.last() else { return Ok(register) };
        after = Some(last.id);
        for listed in part {
            register.add(listed);
        }
    }
}
