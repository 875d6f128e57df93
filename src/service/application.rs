//! What comes with an application: held against the form of the edition, and kept with the enrolment. Never opens a
//! transaction.

use crate::clock::Clock;
use crate::domain::form::answer::{Filled, Taken};
use crate::domain::id::{ApplicationFormId, ApplicationId, ConsentId};
use crate::domain::language::Language;
use crate::domain::version::expect_version;
use crate::error::Result;
use crate::store::form::consent::{self, Occasion};
use crate::store::form::{self, application};
use crate::store::{Tx, audit, edition, enrolment};

/// A filled form that fits what its edition asks.
pub(super) struct Answered {
    form: ApplicationFormId,
    language: Language,
    taken: Taken,
}

/// Holds what came against the form of a locked edition; `None` where there is nothing to keep.
///
/// # Errors
/// `Code::StaleVersion` for another version of the form than the present one; the faults of
/// [`crate::domain::form::Form::take`].
pub(super) async fn read(tx: &Tx, edition: &edition::Model, filled: Option<&Filled>) -> Result<Option<Answered>> {
    let (asked, content) = form::asked(tx, edition).await?.unzip();
    if let Some(filled) = filled {
        expect_version("application.formVersion", edition.form_number, filled.form_version)?;
    }
    // An edition without a form asks nothing.
    let taken = content.unwrap_or_default().take(filled)?;
    Ok(asked.zip(filled).map(|(asked, filled)| Answered {
        form: asked.id,
        language: filled.language,
        taken,
    }))
}

/// Whether an edition requires consent of those who take part: whom somebody else brings in has not given it.
pub(super) async fn asks_consent(tx: &Tx, edition: &edition::Model) -> Result<bool> {
    let asked = form::asked(tx, edition).await?;
    Ok(asked.is_some_and(|(_, form)| !form.lacking(&[]).is_empty()))
}

/// Keeps it with a new enrolment.
pub(super) async fn keep(
    clock: &Clock,
    tx: &Tx,
    enrolment: &enrolment::Model,
    answered: Option<Answered>,
) -> Result<()> {
    let Some(Answered { form, language, taken }) = answered else {
        return Ok(());
    };
    let now = clock.now();
    let row = application::Model {
        id: ApplicationId(clock.new_id()),
        enrolment_id: enrolment.id,
        form_id: form,
        language,
        answers: application::content(&taken.answers)?,
        given_at: now,
    };
    application::insert(tx, row).await?;
    let occasion = Occasion {
        at: now,
        via: audit::origin().via,
    };
    let said = taken.consents.into_iter();
    let rows = said.map(|said| consent::Model::new(ConsentId(clock.new_id()), enrolment, form, said, occasion));
    consent::insert(tx, rows.collect()).await
}
