//! Consent: to which purpose, to which text, in which language. What was said last stands; nothing that was said before
//! is forgotten.

use super::{Form, Key, Purpose};
use crate::domain::language::Language;
use crate::domain::version::stale_version;
use crate::error::{Code, Fault};

/// What somebody says to a purpose as they apply.
#[derive(Debug, Clone)]
pub struct Stated {
    /// The key of the purpose.
    pub purpose: Key,
    /// Whether they consent.
    pub given: bool,
}

/// What somebody said to a purpose, and what they had before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// The key of the purpose.
    pub purpose: String,
    /// The version of its text.
    pub text_version: i64,
    /// The language of the text.
    pub language: Language,
    /// Whether they consent.
    pub given: bool,
    /// Whether nobody takes part without it.
    pub required: bool,
}

impl Agreed {
    /// What is said to a purpose as it is asked now.
    pub fn to(purpose: &Purpose, language: Language, given: bool) -> Self {
        Self {
            purpose: purpose.key.clone(),
            text_version: purpose.text_version,
            language,
            given,
            required: purpose.required,
        }
    }
}

/// What somebody wants to say to a purpose after they applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To consent to this version of its text, read in this language.
    Give(Language, i64),
    /// To take the consent back.
    TakeBack,
}

/// What is to be written down of a wish, where `last` is what the person said last, `form` what the edition asks now,
/// and `goes_on` whether their enrolment does, so that they could withdraw it; `None` where it stands so already.
///
/// # Errors
/// [`Code::FormMismatch`] for a purpose or a language that is not asked in, and for taking back what was never given;
/// [`Code::StaleVersion`] for another text than the present one; [`Code::ConsentRequired`] for taking back what nobody
/// takes part without, as long as the enrolment goes on. What the edition does not require any more holds nobody.
pub fn restate(
    form: Option<&Form>,
    purpose: &Key,
    last: Option<&Agreed>,
    wish: Wish,
    goes_on: bool,
) -> Result<Option<Agreed>, Fault> {
    let unknown = || Fault::at("purpose", Code::FormMismatch);
    let asked = form.and_then(|form| form.purpose(purpose.as_ref()));
    match wish {
        Wish::Give(language, text_version) => {
            let asked = asked.ok_or_else(unknown)?;
            if asked.text_version != text_version {
                return Err(stale_version("textVersion", asked.text_version));
            }
            if !asked.text.0.contains_key(&language) {
                return Err(Fault::at("language", Code::FormMismatch));
            }
            let stands = last.is_some_and(|last| last.given && last.text_version == text_version);
            Ok((!stands).then(|| Agreed::to(asked, language, true)))
        }
        Wish::TakeBack => {
            let last = last.ok_or_else(unknown)?;
            let required = last.required && asked.is_some_and(|asked| asked.required);
            if last.given && required && goes_on {
                return Err(Fault::at("given", Code::ConsentRequired));
            }
            Ok(last.given.then(|| Agreed {
                given: false,
                required,
                ..last.clone()
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::purpose;
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a key")
    }

    /// A form of version 2 with something required and something not.
    fn form() -> Form {
        Form {
            questions: Vec::new(),
            purposes: vec![
                purpose("data", true, "We keep it."),
                purpose("photos", false, "We show them."),
            ],
        }
        .numbered(2, None)
    }

    fn given(name: &str) -> Agreed {
        let form = form();
        Agreed::to(form.purpose(name).expect("a purpose"), Language::Es, true)
    }

    #[test]
    fn what_was_given_freely_is_taken_back_and_given_again() {
        let (form, photos) = (form(), key("photos"));
        let back = restate(Some(&form), &photos, Some(&given("photos")), Wish::TakeBack, true);
        let back = back.expect("it may be taken back").expect("something to write down");
        assert_eq!((back.given, back.text_version, back.language), (false, 2, Language::Es));
        // Taken back it stands so, also where it is asked no more.
        assert_eq!(restate(None, &photos, Some(&back), Wish::TakeBack, true), Ok(None));
        let again = restate(Some(&form), &photos, Some(&back), Wish::Give(Language::Pt, 2), true);
        let again = again.expect("it may be given").expect("something to write down");
        assert_eq!((again.given, again.language), (true, Language::Pt));
        let same = Wish::Give(Language::Es, 2);
        assert_eq!(restate(Some(&form), &photos, Some(&again), same, true), Ok(None));
    }

    #[test]
    fn what_nobody_takes_part_without_is_kept_while_they_take_part() {
        let (form, data) = (form(), key("data"));
        let taken = |goes_on| restate(Some(&form), &data, Some(&given("data")), Wish::TakeBack, goes_on);
        assert_eq!(taken(true), Err(Fault::at("given", Code::ConsentRequired)));
        assert!(matches!(taken(false), Ok(Some(Agreed { given: false, .. }))));
    }

    #[test]
    fn what_is_required_no_more_holds_nobody() {
        let free = Form {
            questions: Vec::new(),
            purposes: vec![purpose("data", false, "We keep it.")],
        }
        .numbered(2, None);
        for present in [Some(&free), Some(&Form::default()), None] {
            let back = restate(present, &key("data"), Some(&given("data")), Wish::TakeBack, true);
            let back = back.expect("it may be taken back").expect("something to write down");
            assert_eq!((back.given, back.required), (false, false));
        }
        // What was free when it was given stays free.
        let (form, photos) = (form(), given("photos"));
        let mut strict = form;
        strict.purposes[1].required = true;
        let back = restate(Some(&strict), &key("photos"), Some(&photos), Wish::TakeBack, true);
        assert!(matches!(back, Ok(Some(Agreed { given: false, .. }))));
    }

    #[test]
    fn consent_is_to_a_text_that_is_asked_now() {
        let form = form();
        let give = |name: &str, wish| restate(Some(&form), &key(name), None, wish, true);
        let refused = |at: &str, code| -> Result<Option<Agreed>, Fault> { Err(Fault::at(at, code)) };
        let unknown = refused("purpose", Code::FormMismatch);
        assert_eq!(give("other", Wish::Give(Language::Es, 2)), unknown);
        assert_eq!(give("photos", Wish::TakeBack), unknown);
        assert_eq!(
            restate(None, &key("photos"), None, Wish::Give(Language::Es, 2), true),
            unknown
        );
        assert_eq!(
            give("photos", Wish::Give(Language::Es, 1)),
            Err(stale_version("textVersion", 2))
        );
        assert_eq!(
            give("photos", Wish::Give(Language::En, 2)),
            refused("language", Code::FormMismatch)
        );
    }

    proptest! {
        /// Whatever is wished one after the other, what is written down last is what stands, it changes with every
        /// line, and what is required is never taken back while the enrolment goes on.
        #[test]
        fn the_log_says_what_stands(wishes in proptest::collection::vec(any::<(bool, bool)>(), 0..20), required: bool) {
            let form = form();
            let name = if required { "data" } else { "photos" };
            let mut log: Vec<Agreed> = Vec::new();
            let mut live = true;
            for (gives, goes_on) in wishes {
                live = live && goes_on;
                let wish = if gives { Wish::Give(Language::Es, 2) } else { Wish::TakeBack };
                let Ok(line) = restate(Some(&form), &key(name), log.last(), wish, live) else { continue };
                let Some(line) = line else { continue };
                prop_assert_eq!(line.given, gives);
                prop_assert!(log.last().map_or(gives, |last| last.given != line.given));
                prop_assert!(line.given || !line.required || !live);
                log.push(line);
            }
        }
    }
}
