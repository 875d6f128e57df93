//! The register of institutions, as rows name them: by code, by name, or by another name.

use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::domain::id::InstitutionId;
use crate::domain::institution::InstitutionKind;
use crate::domain::person::ConstituentGroup;
use crate::domain::roster::{PersonRow, RowFault};
use crate::domain::text::fold;
use crate::error::{Code, Result};
use crate::store::institution;

/// What an institution is, once it is found.
#[derive(Debug, Clone)]
struct Entry {
    country: String,
    kind: InstitutionKind,
}

/// The register, read once for a file.
pub(super) struct Register {
    by_code: HashMap<String, InstitutionId>,
    by_name: HashMap<String, HashSet<InstitutionId>>,
    entries: HashMap<InstitutionId, Entry>,
}

impl Register {
    pub(super) async fn read(app: &App) -> Result<Self> {
        let mut register = Self {
            by_code: HashMap::new(),
            by_name: HashMap::new(),
            entries: HashMap::new(),
        };
        for row in institution::all(app.db.read()).await? {
            // One that was merged leads to the other, by all its names.
            let id = row.merged_into.unwrap_or(row.id);
            if let Some(code) = &row.code {
                register.by_code.insert(fold(code), id);
            }
            let aliases: Vec<String> = serde_json::from_value(row.aliases).unwrap_or_default();
            for name in aliases.iter().chain([&row.name]) {
                register.by_name.entry(fold(name)).or_default().insert(id);
            }
            let entry = Entry {
                country: row.country,
                kind: row.kind,
            };
            if row.merged_into.is_none() {
                register.entries.insert(id, entry);
            }
        }
        Ok(register)
    }

    /// The institution of a row: the one with this code, or the only one with this name, in its country where there are
    /// several.
    pub(super) fn find(&self, row: &PersonRow) -> Result<Option<InstitutionId>, RowFault> {
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
    pub(super) fn kind(&self, id: Option<InstitutionId>) -> Option<InstitutionKind> {
        let entry = id.and_then(|id| self.entries.get(&id));
        entry.map(|entry| entry.kind)
    }

    /// The group of a person of this institution who says none.
    pub(super) fn group(&self, id: Option<InstitutionId>) -> ConstituentGroup {
        self.kind(id)
            .map_or(ConstituentGroup::NotStated, InstitutionKind::constituent_group)
    }
}
