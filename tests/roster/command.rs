//! `rumbo import people` and `rumbo import enrolments` as they are called.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{accounts, faults::EVERY_FAULT};
use crate::support::app::TestApp;
use crate::support::scene::{Plan, enrolling};

/// The exit code, the output and the complaints of a call.
pub(crate) fn said(test: &TestApp, arguments: &[&str]) -> (Option<i32>, String, String) {
    let url = test.database_url();
    let output = Command::new(env!("CARGO_BIN_EXE_rumbo"))
        .env_clear()
        .env("RUMBO_PROFILE", "test")
        .args(["--database-url", &url, "import"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program runs");
    let read = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), read(output.stdout), read(output.stderr))
}

#[tokio::test]
async fn a_table_comes_in_from_the_command_line() {
    let test = TestApp::new().await;
    let carla = test.coordinator().await;
    enrolling(&carla, Plan::OPEN).await;
    let ada = test.administrator().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let people = file("people.csv", b"email;firstname;lastname\na@example.org;Ana;Paz\n");
    let tried = said(&test, &["people", &people, "--as", &ada.email, "--dry-run"]);
    assert_eq!(tried.0, Some(0), "{tried:?}");
    let created = format!("(UTF-8, semicolon)\n{:<10}{:>8}\n", "created", 1);
    assert!(tried.1.contains(&created), "{tried:?}");
    assert!(tried.1.ends_with("nothing was imported\n"), "{tried:?}");
    assert_eq!(accounts(&test).await, 2);
    let done = said(&test, &["people", &people, "--as", &ada.email]);
    assert_eq!(done.0, Some(0), "{done:?}");
    assert_eq!(accounts(&test).await, 3);
    let json = said(&test, &["people", &people, "--as", &ada.email, "--format", "json"]);
    let value: Value = serde_json::from_str(&json.1).expect("JSON");
    assert_eq!(value["counts"]["unchanged"], 1);
    assert_eq!(value["rows"][0]["outcome"], "unchanged");

    let faulty = file("faults.csv", EVERY_FAULT.as_bytes());
    let refused = said(&test, &["enrolments", &faulty, "--as", &carla.email, "--dry-run"]);
    assert_eq!(refused.0, Some(2), "{refused:?}");
    let line = "faults.csv:9: country: This is no country of ISO 3166-1; use two letters, such as UY.\n";
    assert!(refused.2.contains(line), "{refused:?}");

    let steering = file("steering.csv", b"email,profile_field_\x1B[2J\na@example.org,Ana\n");
    let named = said(&test, &["people", &steering, "--as", &ada.email]);
    assert_eq!(named.0, Some(2), "{named:?}");
    let place = "steering.csv:1: column 2: It holds characters that are not allowed.\n";
    assert!(named.2.contains(place) && !named.2.contains('\x1B'), "{named:?}");

    let latin = file("latin.csv", b"email,firstname,lastname\na@example.org,Jos\xE9,Paz\n");
    let named = said(&test, &["people", &latin, "--as", &ada.email]);
    assert_eq!((named.0, named.1.as_str()), (Some(2), ""));
    assert!(
        named.2.contains("latin.csv:2: The file is not UTF-8: Latin-1 (Windows-1252): José (E9). Save it as CSV in UTF-8.\nnothing was imported\n"),
        "{named:?}"
    );
    for (arguments, complaint) in [
        (
            vec!["people", &people, "--as", "nobody@example.org"],
            "rumbo: --as: nobody with this address can sign in\n",
        ),
        (
            vec!["people", &people, "--as", &carla.email],
            "rumbo: --as: this person may not bring such a file in\n",
        ),
        (
            vec!["enrolments", &people, "--as", &carla.email, "--edition", "NOPE"],
            "rumbo: --edition: there is no edition with the code \"NOPE\"\n",
        ),
        (
            vec!["people", "/nowhere.csv", "--as", &ada.email],
            "rumbo: /nowhere.csv: ",
        ),
    ] {
        let refused = said(&test, &arguments);
        assert_eq!((refused.0, refused.1.as_str()), (Some(2), ""), "{refused:?}");
        assert!(refused.2.starts_with(complaint), "{refused:?}");
    }
}
