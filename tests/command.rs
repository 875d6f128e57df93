//! The program as it is called: what it prints, what it refuses, and with which exit code.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use rumbo::store::Engine;
use tempfile::TempDir;

use crate::support::app::TestApp;

/// What must never be printed.
const SECRET: &str = "whisper";

/// What a call came to.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    complaints: String,
}

/// The program with these arguments, in the profile of the tests and with nothing of this environment.
fn rumbo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rumbo"));
    command.env_clear().env("RUMBO_PROFILE", "test").args(arguments);
    command.stdin(Stdio::null());
    command
}

fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        complaints: text(output.stderr),
    }
}

/// The same with a first line of standard input.
fn told(line: &str, command: &mut Command) -> Said {
    let (input, mut writer) = std::io::pipe().expect("a pipe");
    writeln!(writer, "{line}").expect("a line fits into a pipe");
    drop(writer);
    said(command.stdin(input))
}

/// Asserts that a call was refused, and that each of these lines was said.
fn refused(said: &Said, lines: &[&str]) {
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    for line in lines {
        assert!(
            said.complaints.lines().any(|one| one.starts_with(line)),
            "{line}: {said:?}"
        );
    }
    assert!(!said.complaints.contains("input."), "no option is called so: {said:?}");
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a written file");
    path.display().to_string()
}

#[tokio::test]
async fn arguments_that_are_refused_are_told_as_options() {
    let test = TestApp::new().await;
    let url = test.database_url();
    let report = ["report", "editions", "--rule", "started"];
    let accesses = [
        "admin",
        "audit",
        "accesses",
        "--from",
        "2026-01-01T00:00:00Z",
        "--until",
        "2026-02-01T00:00:00Z",
    ];
    let cases: [(&[&str], &[&str], &str); 13] = [
        (
            &report,
            &["--from", "2022-02-01", "--to", "2022-01-31"],
            "rumbo: --to: This is out of order with 2022-02-01: it must come later, or be the same where that is allowed.",
        ),
        (
            &report,
            &[
                "--from",
                "2022-01-01",
                "--to",
                "2022-01-31",
                "--as-at",
                "2999-01-01T00:00:00Z",
            ],
            "rumbo: --as-at: This is outside the limits: ≤ ",
        ),
        (
            &["export", "enrolments"],
            &["--reason", "   "],
            "error: invalid value '   ' for '--reason <REASON>': This is required.",
        ),
        (
            &["export", "enrolments"],
            &["--reason", "The annual report", "--edition", "NOPE"],
            "rumbo: --edition: there is no edition with the code \"NOPE\"",
        ),
        (
            &["export", "list"],
            &["people", "--reason", "So"],
            "error: invalid value 'people' for '<LIST>': one of enrolments, ",
        ),
        (
            &["export", "list"],
            &["courses", "--reason", "So", "--with", "[]"],
            "rumbo: --with: This is not written as it should be.",
        ),
        (
            &["export", "list"],
            &["courses", "--reason", "So", "--with", "{\"country\":\"UY\"}"],
            "rumbo: --with: country: This is not written as it should be.",
        ),
        (
            &["export", "list"],
            &["enrolments", "--reason", "So", "--format", "xlsx"],
            "rumbo: --with: editionId: This is required.",
        ),
        (
            &["admin", "forget-factor"],
            &["--email", "nobody"],
            "rumbo: --email: This is not written as it should be.",
        ),
        (
            &["admin", "forget-factor"],
            &["--email", "nobody@example.org"],
            "rumbo: --email: no account has this address",
        ),
        (
            &accesses,
            &["--actor", "me"],
            "rumbo: --actor: This is not an identifier of this kind.",
        ),
        (
            &accesses,
            &["--credential", "mine"],
            "rumbo: --credential: This is not an identifier of this kind.",
        ),
        (
            &["admin", "keys", "retire"],
            &["none"],
            "rumbo: not found: a key of that name",
        ),
    ];
    for (command, more, line) in cases {
        let said = said(rumbo(command).args(more).args(["--database-url", &url]));
        refused(&said, &[line]);
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once_and_from_good_options() {
    let test = TestApp::new().await;
    let url = test.database_url();
    let create = |email, given_name, zone, language| {
        let mut command = rumbo(&["admin", "create", "--database-url", &url, "--family-name", "Pérez"]);
        command.args([
            "--email",
            email,
            "--given-name",
            given_name,
            "--time-zone",
            zone,
            "--language",
            language,
        ]);
        command
    };
    let wrong = told("short", &mut create("ana", " ", "Mars/Olympus", "es"));
    refused(
        &wrong,
        &[
            "rumbo: --email: This is not written as it should be.",
            "rumbo: --given-name: This is required.",
            "rumbo: --time-zone: This is no IANA time zone",
            "rumbo: the password, the first line of standard input: This is too short: the least is 12.",
        ],
    );
    let wrong = told(TestApp::PASSWORD, &mut create("ana@example.org", "Ana", "UTC", "xx"));
    refused(&wrong, &["rumbo: --language: This is not written as it should be."]);
    let made = told(TestApp::PASSWORD, &mut create("ana@example.org", "Ana", "UTC", "es"));
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.out.ends_with(" is an administrator.\n"), "{made:?}");
    let again = told(TestApp::PASSWORD, &mut create("ben@example.org", "Ben", "UTC", "es"));
    refused(
        &again,
        &["rumbo: there is an administrator who can sign in: they grant the role to others"],
    );
    let factor = [
        "admin",
        "forget-factor",
        "--email",
        "ana@example.org",
        "--database-url",
        &url,
    ];
    let none = "rumbo: --email: the account with this address has no second factor";
    refused(&said(&mut rumbo(&factor)), &[none]);
}

#[test]
fn settings_that_are_refused_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let short = file(&folder, "short.toml", "[auth]\nsecret = 'short'\n");
    let unknown = file(&folder, "unknown.toml", "[http]\nlissen = 'x'\n");
    let nowhere = folder.path().join("nowhere.toml").display().to_string();
    let inside = folder.path().join("demo").display().to_string();
    let demo = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--dir",
        &inside,
        "--config",
        &unknown,
    ];
    let cases: [(&[&str], &str); 8] = [
        (
            &["config", "--profile", "nowhere"],
            "rumbo: there is no profile \"nowhere\"",
        ),
        (&["config", "--config", &unknown], "rumbo: http: unknown field `lissen`"),
        (&demo, "rumbo: http: unknown field `lissen`"),
        (&["config", "--config", &nowhere], &format!("rumbo: {nowhere}: ")),
        (
            &["serve", "--config", &short],
            "rumbo: auth.secret: missing or too short",
        ),
        (&["serve", "--database-url", ""], "rumbo: database.url: missing"),
        (
            &["serve", "--listen", "here"],
            "error: invalid value 'here' for '--listen <LISTEN>'",
        ),
        (
            &["verify", "--database-url", "postgres://rumbo:whis/per@[::1/x"],
            "rumbo: database.url: this is not written",
        ),
    ];
    for (arguments, line) in cases {
        refused(&said(&mut rumbo(arguments)), &[line]);
    }
    for (variable, value, line) in [
        (
            "RUMBO__HTTP__LISTEN",
            "here",
            "rumbo: http.listen: no address with a port",
        ),
        ("RUMBO__MAIL__FROM", "nobody", "rumbo: mail.from is no mailbox"),
        (
            "RUMBO__AUTH__REQUIRE_SECOND_FACTOR",
            "king",
            "rumbo: auth.require_second_factor: there is no role \"king\"",
        ),
        ("RUMBO__AUTH__KEYS_FILE", &nowhere, "rumbo: auth.keys_file: "),
        (
            "RUMBO__AUTH__CALLBACK_URL",
            "here",
            "rumbo: auth.callback_url: must be http",
        ),
    ] {
        let url = format!("sqlite://{}", folder.path().join("rumbo.sqlite").display());
        let mut serve = rumbo(&["serve", "--database-url", &url]);
        refused(
            &said(serve.env("RUMBO__HTTP__LISTEN", "127.0.0.1:0").env(variable, value)),
            &[line],
        );
    }
}

#[test]
fn no_complaint_about_settings_repeats_a_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let unquoted = file(&folder, "bad.toml", "[auth]\nsecret = \"whisper");
    let said_of_file = said(&mut rumbo(&["config", "--config", &unquoted]));
    refused(&said_of_file, &[&format!("rumbo: {unquoted}:2:")]);
    let typed = file(&folder, "typed.toml", "[auth]\nsecret = ['whisper']\n");
    let said_of_type = said(&mut rumbo(&["config", "--config", &typed]));
    refused(&said_of_type, &["rumbo: auth.secret: "]);
    let said_of_variable = said(rumbo(&["config"]).env("RUMBO__AUTH__ACCESS_MINUTES", SECRET));
    refused(&said_of_variable, &["rumbo: auth.access_minutes: "]);
    for said in [said_of_file, said_of_type, said_of_variable] {
        assert!(!said.complaints.contains(SECRET), "{said:?}");
    }
}

#[test]
fn the_settings_in_force_can_be_given_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let given = file(
        &folder,
        "given.toml",
        "[auth.providers.campus]\nname = 'Campus'\nissuer = 'https://login.campus.example'\nclient_id = 'rumbo'\n\
         client_secret = 'whisper'\n[http]\nproxies = ['10.0.0.0/8']\n",
    );
    let first = said(&mut rumbo(&["config", "--config", &given]));
    assert_eq!((first.code, first.complaints.as_str()), (Some(0), ""), "{first:?}");
    assert!(
        !first.out.contains(SECRET) && first.out.contains("\n[auth.providers.campus]\n"),
        "{first:?}"
    );
    let printed = file(&folder, "printed.toml", &first.out);
    let mut again = rumbo(&["config", "--config", &printed]);
    let again = said(again.env("RUMBO__AUTH__PROVIDERS__CAMPUS__CLIENT_SECRET", "whisper"));
    assert_eq!(again.out, first.out);
}

#[test]
fn a_database_of_another_kind_is_refused_at_once() {
    for url in ["mysql://root:whisper@127.0.0.1/x", "rumbo.sqlite", "http://127.0.0.1/"] {
        for command in [&["migrate"][..], &["verify"], &["serve", "--listen", "127.0.0.1:0"]] {
            let said = said(rumbo(command).env("RUMBO__DATABASE__URL", url));
            refused(
                &said,
                &["rumbo: database.url: no database that Rumbo knows: give sqlite://FILE or postgres://"],
            );
            assert!(!said.complaints.contains(SECRET), "{said:?}");
        }
    }
}

#[test]
fn a_server_out_of_reach_is_named_without_user_and_password() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // It answers, and not as PostgreSQL does.
    let deaf = std::thread::spawn(move || drop(listener.accept()));
    let url = format!("postgres://somebody:whisper@{address}/rumbo");
    let said = said(&mut rumbo(&["migrate", "--database-url", &url]));
    deaf.join().expect("somebody knocked");
    assert_eq!(said.code, Some(1), "{said:?}");
    let line = format!("rumbo: PostgreSQL at {address} cannot be used: ");
    assert!(said.complaints.starts_with(&line), "{said:?}");
    assert!(
        !said.complaints.contains(SECRET) && !said.complaints.contains("somebody"),
        "{said:?}"
    );
}

/// What is refused by the database itself.
#[tokio::test]
async fn a_database_that_cannot_be_opened_is_named() {
    let test = TestApp::new().await;
    let url = test.database_url();
    let cases = match test.app.db.engine() {
        Engine::Sqlite => {
            let inside = format!("{}/inside/rumbo.sqlite", url.trim_start_matches("sqlite://"));
            vec![(
                format!("sqlite://{inside}"),
                format!("rumbo: the database {inside} cannot be opened: "),
            )]
        }
        Engine::Postgres => {
            let (_, server) = url.split_once('@').expect("a user");
            let (address, _) = server.split_once('/').expect("a database");
            let start = format!("rumbo: PostgreSQL at {address} cannot be used: ");
            vec![
                (
                    format!("postgres://nobody_of_this_name:whisper@{server}"),
                    format!("{start}it refuses the user or the password"),
                ),
                (
                    url.replace(server, &format!("{address}/none")),
                    format!("{start}it has no database of that name"),
                ),
            ]
        }
    };
    for (url, line) in cases {
        let said = said(&mut rumbo(&["verify", "--database-url", &url]));
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.complaints.starts_with(&line), "{line}: {said:?}");
        assert!(
            !said.complaints.contains(SECRET) && !said.complaints.contains("nobody_of"),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn files_with_a_fault_are_refused() {
    let test = TestApp::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let report = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/annual-report-2022");
    for entry in std::fs::read_dir(report).expect("the report's folder") {
        let entry = entry.expect("an entry");
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
    }
    file(
        &folder,
        "videoconferences.csv",
        "held_on,title,panelists,zoom,youtube,facebook\n0001-10-04,One,Ana,1,2,3\n2022-02-30,Two,A\u{7}na,x,2,3\n",
    );
    let path = folder.path().display().to_string();
    let said = said(&mut rumbo(&["import", &path, "--database-url", &test.database_url()]));
    refused(
        &said,
        &[
            "videoconferences.csv:2: held_on: `0001-10-04` is not of the years 1900 to 2999",
            "videoconferences.csv:3: held_on: `2022-02-30` is no day of the calendar",
            "videoconferences.csv:3: panelists: the text holds a line break, NUL or another control character",
            "videoconferences.csv:3: zoom: `x` is no number",
            "4 problems; nothing was imported",
        ],
    );
}

/// Runs a command whose reader has gone before it begins; its exit code and what it complained of.
fn unread(arguments: &[&str], url: &str) -> Said {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = rumbo(arguments);
    said(command.args(["--database-url", url]).stdout(writer))
}

#[tokio::test]
async fn a_list_is_written_as_the_api_has_it() {
    let test = TestApp::new().await;
    let url = test.database_url();
    for (name, country) in [("Norte", "UY"), ("Sur", "CO")] {
        test.institution(name, country).await;
    }
    let list = |with: &str| {
        let mut command = rumbo(&["export", "list", "institutions", "--reason", "So", "--with", with]);
        said(command.args(["--database-url", &url]))
    };
    let names = |said: &Said| {
        assert_eq!(said.code, Some(0), "{said:?}");
        let mut reader = csv::Reader::from_reader(said.out.as_bytes());
        let rows = reader.records().map(|row| row.expect("a row")[2].to_owned());
        rows.collect::<Vec<_>>()
    };
    assert_eq!(names(&list("{}")), ["Norte", "Sur"]);
    assert_eq!(names(&list("{\"country\":\"CO\"}")), ["Sur"]);
    let wrong = list("{\"country\":\"ZZ\"}");
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let administrator = test.administrator().await;
    let filter = serde_json::json!({ "first": 50, "filter": { "actions": ["export_list"] } });
    let entries = administrator.run("AuditEntries", filter).await;
    let entries = entries.at("auditEntries.nodes").as_array().expect("a list").clone();
    assert_eq!(entries.len(), 2);
    assert!(
        entries
            .iter()
            .all(|entry| entry["via"] == "COMMAND" && entry["reason"] == "institutions: So"),
        "{entries:?}"
    );
}

#[tokio::test]
async fn a_reader_who_has_gone_is_no_failure() {
    let test = TestApp::new().await;
    let url = test.database_url();
    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/annual-report-2022");
    let period = [
        "report",
        "editions",
        "--from",
        "2021-11-01",
        "--to",
        "2022-11-30",
        "--rule",
        "overlapped",
    ];
    let table = |format| [&period[..], &["--format", format]].concat();
    let times = ["--from", "2026-01-01T00:00:00Z", "--until", "2026-02-01T00:00:00Z"];
    let accesses = [
        &[
            "admin",
            "audit",
            "accesses",
            "--actor",
            "psn_01h455vb4pex5vsknk084sn02q",
        ][..],
        &times,
    ]
    .concat();
    let commands: [&[&str]; 14] = [
        &["migrate"],
        &["import", report],
        &["config"],
        &["schema"],
        &["documents"],
        &table("table"),
        &table("csv"),
        &table("json"),
        &["export", "enrolments", "--reason", "The annual report"],
        &["export", "list", "courses", "--reason", "The annual report"],
        &["verify"],
        &["admin", "keys", "list"],
        &["admin", "audit", "head"],
        &accesses,
    ];
    for arguments in commands {
        let said = unread(arguments, &url);
        assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
        assert!(!said.complaints.contains("rumbo:"), "{arguments:?}: {said:?}");
    }
    // The verdict holds for whoever reads the exit code alone.
    let anchor = format!("{}@1000000", "0".repeat(64));
    assert_eq!(unread(&["verify", "--anchor", &anchor], &url).code, Some(1));
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let mut child = rumbo(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut first = [0; 10];
    // The schema is longer than a pipe holds, so the program is in the middle of it.
    let mut reader = child.stdout.take().expect("its output");
    reader.read_exact(&mut first).expect("the beginning");
    drop(reader);
    let end = child.wait_with_output().expect("it ends");
    assert_eq!(
        (end.status.code(), end.stderr.as_slice()),
        (Some(0), &b""[..]),
        "{end:?}"
    );
}

#[test]
fn output_that_finds_no_room_is_a_failure() {
    // The device that is always full exists on Linux alone.
    if let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") {
        let said = said(rumbo(&["schema"]).stdout(full));
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.complaints.starts_with("rumbo: "), "{said:?}");
    }
}

#[tokio::test]
async fn an_address_or_a_path_that_is_taken_is_named() {
    let test = TestApp::new().await;
    let url = test.database_url();
    let folder = tempfile::tempdir().expect("a folder");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let inside = folder.path().join("demo").display().to_string();
    let taken = file(&folder, "taken", "");
    let listening = format!("rumbo: cannot listen on {address}: ");
    let blocked = format!("rumbo: {taken} cannot be a directory: ");
    let cases: [(&[&str], &str); 3] = [
        (&["serve", "--listen", &address, "--database-url", &url], &listening),
        (&["demo", "--listen", &address, "--dir", &inside], &listening),
        (&["demo", "--listen", "127.0.0.1:0", "--dir", &taken], &blocked),
    ];
    for (arguments, line) in cases {
        let said = said(&mut rumbo(arguments));
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.complaints.contains(line), "{line}: {said:?}");
    }
}
