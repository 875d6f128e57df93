//! The columns and rows of tables, as they are read.

use proptest::prelude::*;

use super::*;
use crate::domain::sheet::{ROWS_MOST, Sheet, of_text};

fn sheet(text: &str) -> Sheet {
    of_text(text.as_bytes()).expect("a table")
}

/// What is wrong with each entry, as `line column CODE detail`.
fn faults<T>(roster: &Roster<T>) -> Vec<String> {
    let of = |entry: &Entry<T>| {
        let line = entry.line;
        let faults = entry.row.as_ref().err().into_iter().flatten();
        faults
            .map(|fault| {
                let column = fault.column.as_deref().unwrap_or("-");
                let detail = fault.detail.as_deref().unwrap_or("-");
                format!("{line} {column} {:?} {detail}", fault.code)
            })
            .collect::<Vec<_>>()
    };
    roster.entries.iter().flat_map(of).collect()
}

#[test]
fn the_platforms_columns_are_taken_as_they_are() {
    let text = "username,firstname,lastname,email,country,institution,course1,role1,group1,enrolstatus1,lang,timezone,profile_field_gender,profile_field_shoe_size\n\
                apaz,Ana,Paz,Ana.Paz@Example.org,uy,INEFOP,DEMO-2026,student,Blue,0,es_mx,99,Female,38\n";
    let roster = enrolments(&sheet(text), None).expect("columns");
    assert_eq!(roster.ignored, ["group1", "profile_field_shoe_size"]);
    let row = roster.entries[0].row.as_ref().expect("a row");
    assert_eq!(row.person.email.as_ref(), "ana.paz@example.org");
    assert_eq!(row.person.country.as_ref().map(AsRef::as_ref), Some("UY"));
    assert_eq!(row.person.language, Some(Language::Es));
    assert_eq!(row.person.time_zone, None);
    assert_eq!(row.person.gender, Some(Gender::Female));
    assert_eq!(row.edition.as_ref().map(AsRef::as_ref), Some("DEMO-2026"));
    assert_eq!(row.column, "course1");
}

#[test]
fn our_own_names_do_as_well_and_a_user_name_may_be_the_address() {
    let text = "Username;Given name;family_name;Time-Zone;constituent_group;language\n\
                ana@example.org;Ana;Paz;America/Lima;training institution;pt\n";
    let roster = people(&sheet(text)).expect("columns");
    let row = roster.entries[0].row.as_ref().expect("a row");
    assert_eq!(row.email.as_ref(), "ana@example.org");
    assert_eq!(row.names.email, "Username");
    assert_eq!(row.time_zone, Some(chrono_tz::America::Lima));
    assert_eq!(row.constituent_group, Some(ConstituentGroup::TrainingInstitution));
}

#[test]
fn every_fault_of_a_row_is_told_with_what_would_be_right() {
    let text = "email,firstname,lastname,country,lang,gender,timezone,deleted,suspended,sysrole1\n\
                ana,An\u{202E}a,,XX,fr,woman,Mars/North,1,1,manager\n\
                b@example.org,JosÃ©,Paz,,,,,0,,\n\
                b@example.org,José,Paz,,,,,,,\n\
                B@EXAMPLE.org,José,Paz,,,,,,,\n\
                ,José,Paz,,,,,,,\n\
                x,y\n";
    let roster = people(&sheet(text)).expect("columns");
    let words = "female, male, another, not_stated";
    assert_eq!(
        faults(&roster),
        [
            "2 deleted NotByFile 0".to_owned(),
            "2 suspended NotByFile 0".to_owned(),
            "2 sysrole1 NotByFile 0".to_owned(),
            "2 firstname ForbiddenCharacter -".to_owned(),
            "2 lang UnknownWord es, en, pt".to_owned(),
            "2 timezone UnknownTimeZone -".to_owned(),
            format!("2 gender UnknownWord {words}"),
            "2 country UnknownCountry -".to_owned(),
            "2 email Malformed -".to_owned(),
            "3 firstname Garbled -".to_owned(),
            "5 email Repeated 4".to_owned(),
            "6 email Required -".to_owned(),
            "7 - WrongWidth 2 / 10".to_owned(),
        ]
    );
}

#[test]
fn a_row_may_be_in_several_editions_each_once() {
    let text = "email,course1,role1,enrolstatus1,course2,role2,type2\n\
                a@example.org,ONE,,,TWO,editingteacher,2\n\
                b@example.org,ONE,student,1,,,\n\
                c@example.org,,,,TWO,5,1\n\
                d@example.org,,,,,,\n\
                c@example.org,,,,TWO,,\n";
    let roster = enrolments(&sheet(text), None).expect("columns");
    assert_eq!(roster.entries.len(), 6);
    assert_eq!(
        faults(&roster),
        [
            "2 role2 UnknownWord student, participant",
            "2 type2 UnknownWord student, participant",
            "3 enrolstatus1 NotByFile 0",
            "5 course1 Required -",
            "6 email Repeated 4",
        ]
    );
    let named = enrolments(&sheet(text), Some("ONE")).expect("columns");
    let told = faults(&named);
    assert_eq!(told[0], "2 role2 UnknownWord student, participant");
    assert!(told.contains(&"2 course2 UnknownWord ONE".to_owned()), "{told:?}");
    let whole = enrolments(&sheet("email\na@example.org\n"), Some("ONE")).expect("columns");
    assert_eq!(whole.entries[0].row.as_ref().map(|row| row.edition.clone()), Ok(None));
}

#[test]
fn of_a_nominee_only_address_names_and_language_are_read() {
    let text = "email,firstname,lastname,lang,country,institution,course1,role1,gender,deleted\n\
                ana@example.org,Ana,Paz,pt,nowhere,INEFOP,OTHER,boss,woman,0\n\
                b@example.org,,Gil,,,,,,,0\n\
                c@example.org,Caro,Gil,,,,,,,1\n\
                ana@example.org,Ana,Paz,,,,,,,\n";
    let roster = nominations(&sheet(text)).expect("columns");
    assert_eq!(roster.ignored, ["country", "institution", "course1", "role1", "gender"]);
    let row = roster.entries[0].row.as_ref().expect("a row");
    assert_eq!(
        (row.language, &row.country, row.gender),
        (Some(Language::Pt), &None, None)
    );
    assert_eq!(
        faults(&roster),
        ["3 firstname Required -", "4 deleted NotByFile 0", "5 email Repeated 2"]
    );
    let refused = nominations(&sheet("firstname,lastname\n")).expect_err("nobody is named");
    assert_eq!(refused.flaw.code, Code::Required);
}

#[test]
fn columns_that_are_unknown_twice_or_missing_stop_the_file() {
    let refused = |text: &str, kind| {
        let sheet = sheet(text);
        let fault = match kind {
            Kind::People => people(&sheet).map(drop),
            Kind::Enrolments => enrolments(&sheet, None).map(drop),
            Kind::Nominations => nominations(&sheet).map(drop),
        };
        let fault = fault.expect_err("it is refused");
        (fault.column.unwrap_or_default(), fault.flaw.code)
    };
    let told = |column: &str, code| (column.to_owned(), code);
    assert_eq!(
        refused("email,emial\n", Kind::People),
        told("emial", Code::UnknownColumn)
    );
    assert_eq!(
        refused("email,course01\n", Kind::People),
        told("course01", Code::UnknownColumn)
    );
    assert_eq!(refused("email,E-Mail\n", Kind::People), told("E-Mail", Code::Repeated));
    assert_eq!(refused("firstname\n", Kind::People), told("email", Code::Required));
    assert_eq!(refused("email\n", Kind::Enrolments), told("course1", Code::Required));
    let ignored = people(&sheet("email,course1,role1,password\n"))
        .expect("columns")
        .ignored;
    assert_eq!(ignored, ["course1", "role1", "password"]);
}

#[test]
fn what_an_export_wrote_before_a_formula_is_taken_off() {
    let roster = people(&sheet("email,firstname,lastname\na@example.org,'=1+1,''=2\n")).expect("columns");
    let row = roster.entries[0].row.as_ref().expect("a row");
    assert_eq!(row.given_name.as_ref().map(AsRef::as_ref), Some("=1+1"));
    assert_eq!(row.family_name.as_ref().map(AsRef::as_ref), Some("'=2"));
}

#[test]
fn the_content_of_a_row_is_what_it_says() {
    let row = |text: &str| {
        let text = format!("email,firstname,lastname,country\n{text}\n");
        let roster = people(&sheet(&text)).expect("columns");
        content_of(roster.entries[0].row.as_ref().expect("a row"))
    };
    let one = row("a@example.org,Ana,Paz,UY");
    assert_eq!(one, row(" A@Example.ORG , Ana,Paz ,uy"));
    for other in [
        "a@example.org,Ana,Paz,",
        "a@example.org,An,aPaz,UY",
        "b@example.org,Ana,Paz,UY",
    ] {
        assert_ne!(one, row(other), "{other}");
    }
}

proptest! {
    /// Whatever stands in the cells, each row is typed or says why not, by a column of the file.
    #[test]
    fn a_row_is_typed_or_says_why_not(
        rows in proptest::collection::vec(proptest::collection::vec("(\\PC|[@.a-z]){0,8}", 9), 1..6),
    ) {
        let columns = ["email", "firstname", "lastname", "country", "lang", "gender", "course1", "role1", "institution"];
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(columns).expect("memory");
        for row in &rows {
            writer.write_record(row).expect("memory");
        }
        let sheet = of_text(&writer.into_inner().expect("memory")).expect("a table");
        let roster = enrolments(&sheet, None).expect("columns");
        prop_assert_eq!(roster.entries.len(), sheet.rows.len());
        for entry in roster.entries {
            match entry.row {
                Ok(row) => prop_assert!(row.person.email.as_ref().contains('@')),
                Err(faults) => {
                    prop_assert!(!faults.is_empty());
                    prop_assert!(faults.iter().all(|fault| fault.column.as_deref().is_some_and(|column| columns.contains(&column))));
                }
            }
        }
    }
}

#[test]
fn a_file_has_no_more_enrolments_than_it_may_have_rows() {
    let table = |rows: usize| format!("email,course1,course2\n{}", "a@example.org,ONE,TWO\n".repeat(rows));
    let most = enrolments(&sheet(&table(ROWS_MOST / 2)), None).expect("columns");
    assert_eq!(most.entries.len(), ROWS_MOST);
    let refused = enrolments(&sheet(&table(ROWS_MOST / 2 + 1)), None).expect_err("too many");
    assert_eq!((refused.line, refused.flaw.code), (Some(10_002), Code::TooManyRows));
    let names = |place: usize| &most.entries[place].row.as_ref().expect("a row").person.names;
    assert!(Arc::ptr_eq(names(0), names(1)), "rows share the names of their columns");
}

#[test]
fn a_letter_read_wrongly_at_the_end_of_a_cell_is_seen() {
    for garbled in [
        "Sol\u{C3}\u{A0}",
        " Sol\u{C3}\u{A0} ",
        "\u{C3}\u{85}",
        "Paz\u{C2}\u{A0}",
    ] {
        let roster = people(&sheet(&format!(
            "email,firstname,lastname\na@example.org,{garbled},Paz\n"
        )));
        assert_eq!(
            faults(&roster.expect("columns")),
            ["2 firstname Garbled -"],
            "{garbled:?}"
        );
    }
    let plain = people(&sheet(
        "email,firstname,lastname\na@example.org,\u{A0}Ana\u{A0},S\u{C3}O \n",
    ))
    .expect("columns");
    let row = plain.entries[0].row.as_ref().expect("a row");
    assert_eq!(row.given_name.as_ref().map(AsRef::as_ref), Some("Ana"));
    assert_eq!(row.family_name.as_ref().map(AsRef::as_ref), Some("SÃO"));
}

#[test]
fn a_manager_of_the_platform_is_no_participant() {
    let text = "email,course1,role1,type1\n\
                a@example.org,ONE,1,\n\
                b@example.org,ONE,,5\n\
                c@example.org,ONE,5,1\n\
                d@example.org,ONE,Student,\n";
    let roster = enrolments(&sheet(text), None).expect("columns");
    assert_eq!(
        faults(&roster),
        [
            "2 role1 UnknownWord student, participant",
            "3 type1 UnknownWord student, participant"
        ]
    );
}

#[test]
fn a_row_that_puts_a_refused_one_right_may_follow_it() {
    let text = "email,firstname,lastname,country,course1\n\
                a@example.org,Ana,Paz,XX,ONE\n\
                a@example.org,Ana,Paz,UY,ONE\n\
                a@example.org,Ana,Paz,UY,ONE\n";
    let expected = ["2 country UnknownCountry -", "4 email Repeated 3"];
    assert_eq!(faults(&people(&sheet(text)).expect("columns")), expected);
    assert_eq!(faults(&enrolments(&sheet(text), None).expect("columns")), expected);
}

#[test]
fn with_an_edition_beside_the_file_its_only_column_of_editions_may_be_blank() {
    let text = "email,course2,course3\na@example.org,,\nb@example.org,ONE,\n";
    let roster = enrolments(&sheet(text), Some("ONE")).expect("columns");
    assert_eq!(faults(&roster), [""; 0]);
    assert_eq!(roster.entries.len(), 2);
}

#[test]
fn names_need_to_stand_in_one_row_of_somebody_only() {
    let text = "email,firstname,lastname,course1\n\
                a@example.org,,,ONE\n\
                a@example.org,Ana,Paz,TWO\n\
                a@example.org,Alba,,THREE\n\
                b@example.org,,,ONE\n";
    let roster = enrolments(&sheet(text), None).expect("columns");
    let rows = roster.entries.iter().map(|entry| entry.row.as_ref().expect("a row"));
    let said = |name: Option<&Name>| name.map_or("-", AsRef::as_ref).to_owned();
    let found = rows.map(|row| {
        let person = &row.person;
        said(person.given_name.as_ref()) + " " + &said(person.family_name.as_ref())
    });
    assert_eq!(found.collect::<Vec<_>>(), ["Ana Paz", "Ana Paz", "Alba Paz", "- -"]);
}

#[test]
fn no_more_than_twenty_faults_of_a_row_are_told() {
    let roles: Vec<String> = (1..=50).map(|number| format!("sysrole{number}")).collect();
    let text = format!(
        "email,{}\nana@example.org{}\n",
        roles.join(","),
        ",manager".repeat(roles.len())
    );
    assert_eq!(faults(&people(&sheet(&text)).expect("columns")).len(), 20);
}
