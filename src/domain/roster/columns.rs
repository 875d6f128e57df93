//! What the columns of a table are, by their names.

use std::sync::Arc;

use super::{Kind, Names};
use crate::domain::sheet::{Sheet, Unreadable};
use crate::error::{Code, Flaw};

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Username,
    Email,
    GivenName,
    FamilyName,
    Language,
    TimeZone,
    Country,
    Institution,
    Gender,
    ConstituentGroup,
    /// The code of an edition, the first, second and so on of the row.
    Edition(u8),
    /// In which role somebody is in the edition of that number.
    Role(u8),
    /// The same by the kind of role.
    Type(u8),
    /// Whether the enrolment of that number is suspended.
    Status(u8),
    /// Something that no file does: it must be blank or 0.
    Never,
    /// Known, and of no meaning here.
    Nothing,
}

/// The names that mean something, as they are told to who used another one.
pub const KNOWN: &str = "username, email, firstname (given_name), lastname (family_name), lang (language), timezone (time_zone), \
     country, institution, gender, constituent_group, course1 (edition), role1, group1, enrolstatus1, profile_field_*";

/// Names of the platform's upload and of our own exports that say nothing that is kept.
const NOTHING: [&str; 34] = [
    "password",
    "auth",
    "city",
    "address",
    "phone1",
    "phone2",
    "department",
    "idnumber",
    "description",
    "descriptionformat",
    "url",
    "icq",
    "skype",
    "yahoo",
    "aim",
    "msn",
    "middlename",
    "alternatename",
    "firstnamephonetic",
    "lastnamephonetic",
    "maildisplay",
    "mailformat",
    "maildigest",
    "autosubscribe",
    "trackforums",
    "htmleditor",
    "theme",
    "calendartype",
    "interests",
    "mnethostid",
    "state",
    "applied_at",
    "grade",
    "ajax",
];

/// Names before a number that say nothing that is kept.
const NUMBERED_NOTHING: [&str; 8] = [
    "group",
    "cohort",
    "enrolperiod",
    "enroltimestart",
    "enroltimeend",
    "category",
    "categoryrole",
    "grouping",
];

impl Field {
    /// The field of this name; a hyphen or a space in it does as well as a line below, and capitals do not matter.
    fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase().replace([' ', '-'], "_");
        Some(match name.as_str() {
            "username" => Self::Username,
            "email" | "e_mail" => Self::Email,
            "firstname" | "given_name" => Self::GivenName,
            "lastname" | "family_name" => Self::FamilyName,
            "lang" | "language" => Self::Language,
            "timezone" | "time_zone" => Self::TimeZone,
            "country" => Self::Country,
            "institution" => Self::Institution,
            "gender" | "profile_field_gender" => Self::Gender,
            "constituent_group" | "profile_field_constituent_group" => Self::ConstituentGroup,
            "edition" => Self::Edition(1),
            "deleted" | "suspended" | "oldusername" => Self::Never,
            known if NOTHING.contains(&known) || known.starts_with("profile_field_") => Self::Nothing,
            other => return Self::numbered(other),
        })
    }

    /// Whether a nomination says it, or a file never may.
    const fn is_of_nominee(self) -> bool {
        match self {
            Self::Username | Self::Email | Self::GivenName | Self::FamilyName | Self::Language | Self::Never => true,
            Self::TimeZone
            | Self::Country
            | Self::Institution
            | Self::Gender
            | Self::ConstituentGroup
            | Self::Edition(_)
            | Self::Role(_)
            | Self::Type(_)
            | Self::Status(_)
            | Self::Nothing => false,
        }
    }

    /// The fields that a row has several of: `course1`, `course2`.
    fn numbered(name: &str) -> Option<Self> {
        let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let digits = &name[stem.len()..];
        let number: u8 = digits
            .parse()
            .ok()
            .filter(|number| *number > 0 && !digits.starts_with('0'))?;
        Some(match stem {
            "course" => Self::Edition(number),
            "role" => Self::Role(number),
            "type" => Self::Type(number),
            "enrolstatus" => Self::Status(number),
            "sysrole" => Self::Never,
            stem if NUMBERED_NOTHING.contains(&stem) => Self::Nothing,
            _ => return None,
        })
    }
}

/// Which column says what.
pub(super) struct Columns {
    fields: Vec<Field>,
    pub(super) ignored: Vec<String>,
    /// What rows call their columns: those with an address of their own, and those whose user name is one. All rows
    /// share them.
    names: [Arc<Names>; 2],
}

impl Columns {
    /// Finds every column. `named_edition` says that an edition was named beside the file.
    ///
    /// # Errors
    /// [`Code::UnknownColumn`] for a name that is not known, [`Code::Repeated`] for two columns that say the same,
    /// [`Code::Required`] where nothing says who is meant, or which edition.
    pub(super) fn find(sheet: &Sheet, kind: Kind, named_edition: bool) -> Result<Self, Unreadable> {
        let mut columns = Self {
            fields: Vec::with_capacity(sheet.columns.len()),
            ignored: Vec::new(),
            names: [Arc::default(), Arc::default()],
        };
        for name in &sheet.columns {
            let unknown = Flaw {
                code: Code::UnknownColumn,
                detail: Some(KNOWN.to_owned()),
            };
            let field = Field::of(name).ok_or_else(|| about(name, unknown))?;
            let repeats = !matches!(field, Field::Never | Field::Nothing);
            if repeats && columns.fields.contains(&field) {
                return Err(about(name, Code::Repeated.into()));
            }
            let of_edition = matches!(
                field,
                Field::Edition(_) | Field::Role(_) | Field::Type(_) | Field::Status(_)
            );
            let is_kept = match kind {
                Kind::People => field != Field::Nothing && !of_edition,
                Kind::Enrolments => field != Field::Nothing,
                Kind::Nominations => field.is_of_nominee(),
            };
            if !is_kept {
                columns.ignored.push(name.clone());
            }
            // What a nominee states is theirs to say: it is not even looked at.
            let is_read = is_kept || kind != Kind::Nominations;
            columns.fields.push(if is_read { field } else { Field::Nothing });
        }
        let says_who = columns.place(Field::Email).or_else(|| columns.place(Field::Username));
        if says_who.is_none() {
            return Err(about("email", Code::Required.into()));
        }
        if kind == Kind::Enrolments && !named_edition && columns.editions().is_empty() {
            return Err(about("course1", Code::Required.into()));
        }
        columns.names = [Field::Email, Field::Username].map(|who| Arc::new(columns.called(sheet, who)));
        Ok(columns)
    }

    fn called(&self, sheet: &Sheet, who: Field) -> Names {
        Names {
            email: self.name(sheet, who, "email"),
            given_name: self.name(sheet, Field::GivenName, "firstname"),
            family_name: self.name(sheet, Field::FamilyName, "lastname"),
            institution: self.name(sheet, Field::Institution, "institution"),
        }
    }

    /// What the file calls the column of a field; our own name where it has none.
    pub(super) fn name(&self, sheet: &Sheet, field: Field, own: &str) -> String {
        let place = self.place(field);
        place.map_or_else(|| own.to_owned(), |place| sheet.columns[place].clone())
    }

    /// What the columns of a row are called; `has_email` says that its address stands under it.
    pub(super) fn names(&self, has_email: bool) -> Arc<Names> {
        Arc::clone(&self.names[usize::from(!has_email)])
    }

    /// Where a field stands.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.fields.iter().position(|found| *found == field)
    }

    /// Where all columns stand that say this.
    pub(super) fn places(&self, field: Field) -> impl Iterator<Item = usize> {
        let found = self
            .fields
            .iter()
            .enumerate()
            .filter(move |(_, found)| **found == field);
        found.map(|(place, _)| place)
    }

    /// The numbers of the editions of a row, and where each stands.
    pub(super) fn editions(&self) -> Vec<(u8, usize)> {
        let numbers = self.fields.iter().enumerate().filter_map(|(place, field)| {
            let Field::Edition(number) = field else { return None };
            Some((*number, place))
        });
        let mut numbers: Vec<_> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }
}

fn about(column: &str, flaw: Flaw) -> Unreadable {
    Unreadable {
        line: Some(1),
        column: Some(column.to_owned()),
        flaw,
    }
}
