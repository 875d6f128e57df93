//! The report's own files, whole and with one fault at a time.

use super::*;
use proptest::prelude::*;

fn report() -> Files {
    macro_rules! files {
        ($($name:literal),*) => {
            [$(($name, include_bytes!(concat!("../../../tests/data/annual-report-2022/", $name)).as_slice())),*]
        };
    }
    let files = files!(
        "deliverables.csv",
        "editions.csv",
        "enrolments.csv",
        "institutions.csv",
        "meetings.csv",
        "people.csv",
        "published.csv",
        "teams.csv",
        "videoconferences.csv"
    );
    files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).into()
}

fn lines(files: &Files) -> Vec<String> {
    let findings = parse(files).expect_err("files with a fault");
    findings.sorted().iter().map(ToString::to_string).collect()
}

/// The report's files with `old` replaced once by `new`.
fn edited(file: &str, old: &str, new: &str) -> Files {
    let mut files = report();
    let text = String::from_utf8(files[file].clone()).expect("the report is UTF-8");
    assert!(text.contains(old), "{file} holds {old:?}");
    files.insert(file.to_owned(), text.replacen(old, new, 1).into_bytes());
    files
}

#[test]
fn the_report_is_read_whole() {
    let plan = parse(&report()).expect("the report's own files");
    assert_eq!(plan.courses.len(), 11);
    assert_eq!(plan.editions.len(), 11);
    assert_eq!(plan.people.len(), 364);
    assert_eq!(plan.institutions.len(), 63);
    assert_eq!(plan.enrolments.len(), 395);
    assert_eq!(plan.teams.len(), 103);
    assert_eq!(plan.teams.iter().map(|team| team.members.len()).sum::<usize>(), 367);
    assert_eq!(
        plan.teams.iter().filter(|team| team.work.handed_in.is_some()).count(),
        101
    );
    assert_eq!(plan.meetings.len(), 111);
    assert_eq!(plan.meetings.iter().map(|meeting| meeting.minutes).sum::<i64>(), 10_995);
    assert_eq!(
        plan.people
            .iter()
            .filter(|person| person.gender == Gender::NotStated)
            .count(),
        9
    );
    let codes: Vec<&str> = plan.courses.iter().map(|course| course.code.as_ref()).collect();
    assert!(
        codes.contains(&"BDG") && codes.contains(&"BDG-UY") && codes.contains(&"LI4"),
        "{codes:?}"
    );
    assert!(
        plan.notices
            .iter()
            .any(|notice| notice.contains("not imported yet: 13 videoconferences"))
    );
}

#[test]
fn the_published_figures_are_read_with_their_blanks() {
    let rows = published(&report()["published.csv"]).expect("the report's own file");
    assert_eq!(rows.len(), 12);
    let total = rows.last().expect("a last row");
    assert_eq!(
        (total.code.as_str(), total.participants, total.women),
        ("TOTAL", Some(395), None)
    );
    assert!(published(b"code,participants\nA,x\n").is_err());
}

/// A file, a text in it, what it becomes, and the line that the report must have then.
#[rustfmt::skip]
const FAULTS: [(&str, &str, &str, &str); 55] = [
    ("people.csv", ",female,GT,", ",female,XX,", "people.csv:2: country: `XX` is no ISO 3166-1 alpha-2 code; write two letters such as `UY`"),
    ("people.csv", ",female,GT,", ",woman,GT,", "people.csv:2: gender: `woman` is unknown; write one of female, male, another, not_stated"),
    ("people.csv", "Verónica", "  ", "people.csv:2: given_name: the value is missing; write one"),
    ("people.csv", "Verónica", "Ver\0nica", "people.csv:2: given_name: the text holds a line break, NUL or another control character; remove it, or close the quotes"),
    ("people.csv", "Verónica", "Verónica,X", "people.csv:2: the line has 8 fields and must have 7; put a value that holds a comma in double quotes"),
    ("people.csv", ",GT-03,es", ",GT-99,es", "people.csv:2: institution: `GT-99` is not in institutions.csv; add it there, or correct it here"),
    ("people.csv", ",GT-03,es", ",GT-03,fr", "people.csv:2: preferred_language: `fr` is unknown; write one of es, en, pt"),
    ("people.csv", "preferred_language", "language", "people.csv:1: preferred_language: the column is missing; the first line must be `email,given_name,family_name,gender,country,institution,preferred_language`"),
    ("people.csv", "preferred_language", "email", "people.csv:1: email: the column is named twice; name it once"),
    ("institutions.csv", "INFOCAL,BO", "INFOCAL,Bolivia", "institutions.csv:2: country: `Bolivia` is no ISO 3166-1 alpha-2 code; write two letters such as `UY`"),
    ("institutions.csv", "BO,training_institution", "BO,school", "institutions.csv:2: kind: `school` is unknown; write one of government, employers, workers, training_institution, other"),
    ("institutions.csv", "BO-02", "BO-01", "institutions.csv:3: code: `BO-01` stands in line 2 already; remove or correct one of the two"),
    ("editions.csv", "2021-10-04", "2022-02-30", "editions.csv:2: starts_on: `2022-02-30` is no day of the calendar; write year, month and day such as `2022-04-06`"),
    ("editions.csv", "2021-11-30", "2021-10-03", "editions.csv:2: ends_on: 2021-10-03 comes before starts_on, 2021-10-04; write that day or a later one"),
    ("editions.csv", ",es,project", ",es;xx,project", "editions.csv:2: languages: `xx` is unknown; write one of es, en, pt"),
    ("editions.csv", ",es,project", ",es,essay", "editions.csv:2: deliverable: `essay` is unknown; write one of roadmap, project"),
    ("editions.csv", "SPCC-2021", "BDF-2021", "editions.csv:3: code: `BDF-2021` stands in line 2 already; remove or correct one of the two"),
    ("editions.csv", "SPCC-2021", "BDF-2022", "editions.csv:3: course_title: the edition would belong to course `BDF` with the one in line 2, which has another title; write the same title, or another code"),
    ("enrolments.csv", "BDF-2021", "BDF-1921", "enrolments.csv:2: edition: `BDF-1921` is not in editions.csv; add it there, or correct it here"),
    ("enrolments.csv", "veronica.avila.0001@", "nobody@", "enrolments.csv:2: email: `nobody@example.org` is not in people.csv; add it there, or correct it here"),
    ("enrolments.csv", "veronica.avila.0001@example.org", "nobody", "enrolments.csv:2: email: `nobody` is no e-mail address; write one such as `ana@example.org`"),
    ("enrolments.csv", "sebastian.acuna.0002@", "Veronica.Avila.0001@", "enrolments.csv:3: email: `BDF-2021, veronica.avila.0001@example.org` stands in line 2 already; remove or correct one of the two"),
    ("enrolments.csv", "2021-09-20", "2021-12-01", "enrolments.csv:2: applied_on: 2021-12-01 comes after ends_on of the edition, 2021-11-30; write that day or an earlier one"),
    ("enrolments.csv", "2021-11-30", "2021-09-19", "enrolments.csv:2: completed_on: 2021-09-19 comes before applied_on, 2021-09-20; write that day or a later one"),
    ("enrolments.csv", "completed,2021-11-30,72", "completed,,72", "enrolments.csv:2: completed_on: the value is missing, and status is `completed`; write one"),
    ("enrolments.csv", "completed,2021-11-30,72", "withdrawn,,72", "enrolments.csv:2: grade: there is a value, and status is `withdrawn`; leave it blank"),
    ("enrolments.csv", "completed,2021-11-30,72", "passed,2021-11-30,72", "enrolments.csv:2: status: `passed` is unknown; write one of completed, not_completed, withdrawn"),
    ("enrolments.csv", "completed,2021-11-30,72", "completed,2021-11-30,101", "enrolments.csv:2: grade: `101` is no number from 0 to 100; write one"),
    ("enrolments.csv", "2021-09-20,,", "2021-09-20,ZZ-1,", "enrolments.csv:2: nominated_by: `ZZ-1` is not in institutions.csv; add it there, or correct it here"),
    ("teams.csv", "desmond.baptiste.0012@", "nobody@", "teams.csv:2: email: the person has no line for edition `BDF-2021` in enrolments.csv; add one, or remove the member"),
    ("teams.csv", "graciela.araujo.0035@", "desmond.baptiste.0012@", "teams.csv:3: email: `BDF-2021-T01, desmond.baptiste.0012@example.org` stands in line 2 already; remove or correct one of the two"),
    ("teams.csv", "keisha.doliveira.0030@", "desmond.baptiste.0012@", "teams.csv:6: email: the person is in team `BDF-2021-T01` of this edition since line 2; keep one of the two lines"),
    ("teams.csv", "BDF-2021,graciela", "SPCC-2021,graciela", "teams.csv:3: edition: the team belongs to edition `BDF-2021` since line 2; name that edition, or another team"),
    ("deliverables.csv", "BDF-2021-T01", "BDF-2021-T99", "deliverables.csv:2: team: `BDF-2021-T99` is not in teams.csv; add it there, or correct it here"),
    ("deliverables.csv", "BDF-2021-T02", "BDF-2021-T01", "deliverables.csv:3: team: `BDF-2021-T01` stands in line 2 already; remove or correct one of the two"),
    ("deliverables.csv", "BDF-2021,project", "BDF-2021,roadmap", "deliverables.csv:2: kind: the edition asks for a project; write `project`"),
    ("deliverables.csv", "BDF-2021,project", "SPCC-2021,project", "deliverables.csv:2: edition: the team belongs to edition `BDF-2021` by line 2 of teams.csv; write that edition"),
    ("deliverables.csv", "2021-11-18,92", ",92", "deliverables.csv:2: submitted_on: the value is missing, and there is a score; write one"),
    ("deliverables.csv", "2021-11-18,92", "2021-11-18,", "deliverables.csv:2: score: the value is missing, and there is a submitted_on; write one"),
    ("deliverables.csv", "2021-11-18,92", "2021-12-18,92", "deliverables.csv:2: submitted_on: 2021-12-18 comes after ends_on of the edition, 2021-11-30; write that day or an earlier one"),
    ("meetings.csv", "BDF-2021,2,", "BDF-2021,1,", "meetings.csv:3: number: `BDF-2021, 1` stands in line 2 already; remove or correct one of the two"),
    ("meetings.csv", ",90", ",0", "meetings.csv:2: minutes: `0` is no number from 1 to 1440; write one"),
    ("meetings.csv", "2021-10-04T14:00:00-03:00", "2021-10-04 14:00", "meetings.csv:2: starts_at: `2021-10-04 14:00` is no instant; write day, time and offset such as `2022-04-06T14:00:00-03:00`"),
    ("meetings.csv", "2021-10-04T14:00:00-03:00", "2021-10-04T01:00:00Z", "meetings.csv:2: starts_at: 2021-10-03 comes before starts_on of the edition, 2021-10-04; write that day or a later one"),
    ("editions.csv", "2021-10-04", "0001-10-04", "editions.csv:2: starts_on: `0001-10-04` is not of the years 1900 to 2999; write one of those"),
    ("editions.csv", "2021-10-04", "3000-01-01", "editions.csv:2: starts_on: `3000-01-01` is not of the years 1900 to 2999; write one of those"),
    ("meetings.csv", "2021-10-04T14:00:00-03:00", "1899-12-31T14:00:00-03:00", "meetings.csv:2: starts_at: `1899-12-31T14:00:00-03:00` is not of the years 1900 to 2999; write one of those"),
    ("videoconferences.csv", "2021-12-15", "2021-02-29", "videoconferences.csv:2: held_on: `2021-02-29` is no day of the calendar; write year, month and day such as `2022-04-06`"),
    ("videoconferences.csv", "2021-12-15", "", "videoconferences.csv:2: held_on: the value is missing; write one"),
    ("videoconferences.csv", "Digital maturity", "Digital\0maturity", "videoconferences.csv:8: title: the text holds a line break, NUL or another control character; remove it, or close the quotes"),
    ("videoconferences.csv", "Ana Podjanin", "Ana\u{1b}Podjanin", "videoconferences.csv:5: panelists: the text holds a line break, NUL or another control character; remove it, or close the quotes"),
    ("videoconferences.csv", ",173,164,106", ",many,164,106", "videoconferences.csv:2: zoom: `many` is no number from 0 to 1000000000; write one"),
    ("videoconferences.csv", ",173,164,106", ",173,-1,106", "videoconferences.csv:2: youtube: `-1` is no number from 0 to 1000000000; write one"),
    ("videoconferences.csv", ",173,164,106", ",173,164,1.5", "videoconferences.csv:2: facebook: `1.5` is no number from 0 to 1000000000; write one"),
    ("videoconferences.csv", "2022-10-27,Certification of competences and e-credentials", "2022-10-26,Curriculum design based on qualifications", "videoconferences.csv:13: title: `2022-10-26, Curriculum design based on qualifications` stands in line 12 already; remove or correct one of the two"),
];

#[test]
fn every_fault_is_named_with_its_place_and_its_cure() {
    for (file, old, new, wanted) in FAULTS {
        let found = lines(&edited(file, old, new));
        assert!(
            found.iter().any(|line| line == wanted),
            "{file}: {new:?} gave {found:#?}\nwanted {wanted}"
        );
    }
}

#[test]
fn a_fault_is_reported_once_and_not_again_where_it_is_used() {
    assert_eq!(lines(&edited("people.csv", ",female,GT,", ",female,XX,")).len(), 1);
    assert_eq!(lines(&edited("editions.csv", "2021-10-04", "2022-02-30")).len(), 1);
    assert_eq!(lines(&edited("editions.csv", "BDF-2021", "")).len(), 1);
    assert_eq!(lines(&edited("editions.csv", "Big Data:", "\"Big Data:")).len(), 1);
    assert_eq!(lines(&edited("people.csv", "Verónica", "\"Verónica")).len(), 1);
    let mut files = report();
    files.remove("people.csv");
    assert_eq!(
        lines(&files),
        ["people.csv: the file is missing; put it into the directory"]
    );
}

#[test]
fn a_person_twice_is_found_in_another_spelling() {
    let mut files = report();
    let again = "Veronica.AVILA.0001@Example.org,Verónica,Ávila Ávila,female,GT,GT-03,es\n";
    files.get_mut("people.csv").expect("people").extend(again.as_bytes());
    let wanted = "people.csv:366: email: `veronica.avila.0001@example.org` stands in line 2 already; \
                  remove or correct one of the two";
    assert_eq!(lines(&files), [wanted]);
}

#[test]
fn all_faults_are_reported_up_to_a_limit() {
    let mut files = report();
    let people = String::from_utf8(files["people.csv"].clone()).expect("the report is UTF-8");
    let broken: String = people.replace(",female,", ",f,").replace(",male,", ",m,");
    files.insert("people.csv".to_owned(), broken.into_bytes());
    assert_eq!(parse(&files).expect_err("many faults").total(), 355);
    let mut many = String::from("code,name,country,kind\n");
    many.extend((0..2000).map(|number| format!("C{number},N,ZZ,other\n")));
    let findings = parse(&[("institutions.csv".to_owned(), many.into_bytes())].into()).expect_err("too many faults");
    // The other six files are missing, too.
    assert!(findings.total() >= 2006, "{}", findings.total());
    assert_eq!(findings.sorted().len(), FINDINGS_LIMIT);
}

#[test]
fn an_encoding_is_recognised() {
    let text = String::from_utf8(report()["people.csv"].clone()).expect("the report is UTF-8");
    let with = |bytes: Vec<u8>| {
        let mut files = report();
        files.insert("people.csv".to_owned(), bytes);
        files
    };
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(
        lines(&with(utf16)),
        ["people.csv: the file is written in UTF-16; save it as UTF-8"]
    );
    let latin1: Vec<u8> = text
        .chars()
        .map(|letter| u8::try_from(letter as u32).unwrap_or(b'?'))
        .collect();
    let found = lines(&with(latin1));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("people.csv:2: byte 0xF3 at offset "),
        "{}",
        found[0]
    );
    let marked = with([b"\xEF\xBB\xBF".as_slice(), text.as_bytes()].concat());
    assert_eq!(parse(&marked), parse(&report()));
}

#[test]
fn line_ends_of_any_kind_give_the_same_plan_and_the_same_lines() {
    for end in ["\r\n", "\r", "\n\n"] {
        let files = report().into_iter().map(|(name, bytes)| {
            let text = String::from_utf8(bytes).expect("the report is UTF-8");
            (name, text.replace('\n', end).into_bytes())
        });
        let mut files: Files = files.collect();
        let plan = parse(&files).expect("only the line ends differ");
        let step = if end == "\n\n" { 2 } else { 1 };
        assert_eq!(plan.people[0].line, 1 + step, "{end:?}");
        assert_eq!(plan.people[363].line, 1 + 364 * step, "{end:?}");
        files.insert("teams.csv".to_owned(), Vec::new());
        assert!(
            lines(&files)
                .iter()
                .any(|line| line.starts_with("teams.csv: the file is empty"))
        );
    }
}

#[test]
fn a_finding_stays_on_its_line() {
    let found = lines(&edited("people.csv", ",female,GT,", ",\u{1b}[31m`\u{202e},GT,"));
    assert!(
        found
            .iter()
            .all(|line| !line.chars().any(|letter| letter.is_control() || letter == '\u{202e}')),
        "{found:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damage_is_either_found_or_harmless(
        which in 0_usize..9,
        hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut files = report();
        let name = files.keys().nth(which).expect("nine files").clone();
        let bytes = files.get_mut(&name).expect("a file");
        for (place, byte) in hits {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match parse(&files) {
            Ok(plan) => prop_assert!(plan.enrolments.iter().all(|row| row.edition < plan.editions.len() && row.person < plan.people.len())),
            Err(findings) => {
                prop_assert!(!findings.is_empty());
                for finding in findings.sorted() {
                    prop_assert!(!finding.to_string().chars().any(char::is_control));
                }
            }
        }
    }
}
