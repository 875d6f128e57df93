//! The register of institutions as rows name them, by code, by name, or by another name; and what rows state of their
//! people by it.

use std::collections::{BTreeSet, HashMap};

use super::{PersonRow, RowFault};
use crate::domain::id::InstitutionId;
use crate::domain::institution::InstitutionKind;
use crate::domain::language::Language;
use crate::domain::person::{ConstituentGroup, Gender, Snapshot};
use crate::domain::text::fold;
use crate::error::Code;

/// An institution as it stands in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which one.
    pub id: InstitutionId,
    /// The one into which it was merged: all its names lead to that one.
    pub merged_into: Option<InstitutionId>,
    /// Its code.
    pub code: Option<String>,
    /// Its name and its other names.
    pub names: Vec<String>,
    /// Its country.
    pub country: String,
    /// What sort of organisation it is.
    pub kind: InstitutionKind,
}

/// What an institution is, once it is found.
#[derive(Debug, Clone)]
struct Entry {
    country: String,
    kind: InstitutionKind,
}

/// The register, to look many names up in it.
#[derive(Debug, Clone, Default)]
pub struct Register {
    by_code: HashMap<String, InstitutionId>,
    by_name: HashMap<String, BTreeSet<InstitutionId>>,
    entries: HashMap<InstitutionId, Entry>,
}

impl Register {
    /// Takes an institution in.
    pub fn add(&mut self, listed: Listed) {
        let id = listed.merged_into.unwrap_or(listed.id);
        if let Some(code) = &listed.code {
            self.by_code.insert(fold(code), id);
        }
        for name in &listed.names {
            self.by_name.entry(fold(name)).or_default().insert(id);
        }
        if listed.merged_into.is_none() {
            let entry = Entry {
                country: listed.country,
                kind: listed.kind,
            };
            self.entries.insert(id, entry);
        }
    }

    /// The institution of a row: the one with this code, or the only one with this name, in its country where there are
    /// several. `None` for a row that names none.
    ///
    /// # Errors
    /// [`Code::NotRegistered`] at its column where there is no such one.
    pub fn find(&self, row: &PersonRow) -> Result<Option<InstitutionId>, RowFault> {
        let Some(text) = &row.institution else { return Ok(None) };
        let name = fold(text.as_ref());
        if let Some(&id) = self.by_code.get(&name) {
            return Ok(Some(id));
        }
        let named: Vec<InstitutionId> = self.by_name.get(&name).into_iter().flatten().copied().collect();
        let country = row.country.as_ref().map(AsRef::as_ref);
        let there = |id: &&InstitutionId| self.entries.get(id).map(|entry| entry.country.as_str()) == country;
        match named.as_slice() {
            [only] => Ok(Some(*only)),
            several => {
                let mut near = several.iter().filter(there);
                match (near.next(), near.next()) {
                    (Some(only), None) => Ok(Some(*only)),
                    _ => Err(RowFault::at(&row.names.institution, Code::NotRegistered)),
                }
            }
        }
    }

    /// What an institution is.
    pub fn kind(&self, id: Option<InstitutionId>) -> Option<InstitutionKind> {
        let entry = id.and_then(|id| self.entries.get(&id));
        entry.map(|entry| entry.kind)
    }

    /// What a row states of a person of whom nothing is stated yet, who is of this institution and is written to in
    /// this language where the row names none. Who says no group is of that of the institution.
    pub fn stated(&self, row: &PersonRow, institution: Option<InstitutionId>, language: Language) -> Snapshot {
        let institution_kind = self.kind(institution);
        let group = institution_kind.map_or(ConstituentGroup::NotStated, InstitutionKind::constituent_group);
        Snapshot {
            gender: row.gender.unwrap_or(Gender::NotStated),
            country: row.country.clone(),
            institution,
            institution_kind,
            constituent_group: row.constituent_group.unwrap_or(group),
            language: row.language.unwrap_or(language),
        }
    }

    /// The statement that a row makes of a person who is of this institution by it; `None` where it states nothing, or
    /// nothing but what `before` says. What it does not say stays.
    pub fn restated(
        &self,
        row: &PersonRow,
        institution: Option<InstitutionId>,
        before: Option<&Snapshot>,
        language: Language,
    ) -> Option<Snapshot> {
        let Some(before) = before else {
            let says_something = row.gender.is_some()
                || row.country.is_some()
                || institution.is_some()
                || row.constituent_group.is_some();
            return says_something.then(|| self.stated(row, institution, language));
        };
        let institution = institution.or(before.institution);
        let after = Snapshot {
            gender: row.gender.unwrap_or(before.gender),
            country: row.country.clone().or_else(|| before.country.clone()),
            institution,
            institution_kind: self.kind(institution),
            constituent_group: row.constituent_group.unwrap_or(before.constituent_group),
            language: before.language,
        };
        (after != *before).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::roster::Names;
    use crate::domain::text::{Country, Email, Title};

    fn id(number: u128) -> InstitutionId {
        InstitutionId(Uuid::from_u128(number))
    }

    fn listed(number: u128, code: Option<&str>, names: &[&str], country: &str) -> Listed {
        Listed {
            id: id(number),
            merged_into: None,
            code: code.map(ToOwned::to_owned),
            names: names.iter().map(|&name| name.to_owned()).collect(),
            country: country.to_owned(),
            kind: InstitutionKind::Workers,
        }
    }

    fn register() -> Register {
        let mut register = Register::default();
        register.add(listed(1, Some("SENAI"), &["Serviço Nacional", "SN"], "BR"));
        register.add(listed(2, None, &["Servicio Nacional"], "UY"));
        register.add(listed(3, None, &["servicio nacional", "Otro"], "AR"));
        register.add(Listed {
            merged_into: Some(id(2)),
            ..listed(4, Some("OLD"), &["Antes"], "CL")
        });
        register
    }

    fn row(institution: Option<&str>, country: Option<&str>) -> PersonRow {
        PersonRow {
            email: Email::parse("ana@example.org").expect("an address"),
            given_name: None,
            family_name: None,
            language: None,
            time_zone: None,
            gender: None,
            country: country.map(|country| Country::parse(country).expect("a country")),
            institution: institution.map(|name| Title::parse(name).expect("a name")),
            constituent_group: None,
            names: Arc::new(Names {
                institution: "school".to_owned(),
                ..Names::default()
            }),
        }
    }

    #[test]
    fn a_row_names_its_institution_by_code_or_by_one_of_its_names() {
        let register = register();
        let unknown = || Err(RowFault::at("school", Code::NotRegistered));
        for (name, country, expected) in [
            (None, Some("UY"), Ok(None)),
            (Some("senai"), Some("UY"), Ok(Some(id(1)))),
            (Some("SERVICO nacional"), None, Ok(Some(id(1)))),
            (Some("sn"), Some("UY"), Ok(Some(id(1)))),
            // Two are called so: the country tells which is meant.
            (Some("Servicio Nacional"), Some("AR"), Ok(Some(id(3)))),
            (Some("Servicio Nacional"), Some("CL"), unknown()),
            (Some("Servicio Nacional"), None, unknown()),
            // What was merged leads to the other one.
            (Some("old"), None, Ok(Some(id(2)))),
            (Some("antes"), Some("CL"), Ok(Some(id(2)))),
            (Some("nobody"), Some("UY"), unknown()),
        ] {
            assert_eq!(register.find(&row(name, country)), expected, "{name:?} {country:?}");
        }
    }

    #[test]
    fn two_of_one_name_in_one_country_are_not_told_apart() {
        let mut register = register();
        register.add(listed(5, None, &["Otro"], "AR"));
        let found = register.find(&row(Some("Otro"), Some("AR")));
        assert_eq!(found, Err(RowFault::at("school", Code::NotRegistered)));
    }

    #[test]
    fn who_says_no_group_is_of_that_of_the_institution() {
        let said = register().stated(&row(None, Some("BR")), Some(id(1)), Language::Pt);
        let expected = Snapshot {
            gender: Gender::NotStated,
            country: Some(Country::parse("BR").expect("a country")),
            institution: Some(id(1)),
            institution_kind: Some(InstitutionKind::Workers),
            constituent_group: ConstituentGroup::Workers,
            language: Language::Pt,
        };
        assert_eq!(said, expected);
        let nothing = register().stated(&row(None, None), None, Language::Es);
        assert_eq!(nothing.constituent_group, ConstituentGroup::NotStated);
    }

    #[test]
    fn a_row_that_states_nothing_makes_no_statement() {
        let register = register();
        assert_eq!(register.restated(&row(None, None), None, None, Language::Es), None);
        let some = register.restated(&row(None, None), Some(id(1)), None, Language::Es);
        assert_eq!(some, Some(register.stated(&row(None, None), Some(id(1)), Language::Es)));
    }

    fn said() -> impl Strategy<Value = (PersonRow, Option<InstitutionId>)> {
        use proptest::option::of;
        use proptest::sample::select;
        let country = of(select(vec!["UY", "BR"]));
        let group = of(select(ConstituentGroup::ALL));
        (of(select(Gender::ALL)), country, group, of(1..4_u128)).prop_map(|(gender, country, group, institution)| {
            let row = PersonRow {
                gender,
                constituent_group: group,
                ..row(None, country)
            };
            (row, institution.map(id))
        })
    }

    proptest! {
        /// What a row says holds afterwards, what it does not say stays, and said twice it changes nothing.
        #[test]
        fn a_statement_changes_what_is_said_and_no_more((first, at) in said(), (row, to) in said()) {
            let register = register();
            let before = register.stated(&first, at, Language::En);
            let found = register.restated(&row, to, Some(&before), Language::Es);
            let after = found.clone().unwrap_or_else(|| before.clone());
            prop_assert_eq!(found.is_none(), after == before);
            prop_assert_eq!(after.gender, row.gender.unwrap_or(before.gender));
            prop_assert_eq!(after.country.as_ref(), row.country.as_ref().or(before.country.as_ref()));
            prop_assert_eq!(after.institution, to.or(before.institution));
            prop_assert_eq!(after.institution_kind, register.kind(after.institution));
            prop_assert_eq!(after.language, before.language);
            prop_assert_eq!(register.restated(&row, to, Some(&after), Language::Es), None);
        }
    }
}
