//! What leaves for a mail server, byte for byte: nothing that people write becomes a header, a recipient or a
//! command.

use chrono::NaiveDate;
use rumbo::domain::id::PersonId;
use rumbo::domain::language::{Language, Localized};
use rumbo::domain::notice::{AboutEdition, AboutWork, Notice};
use rumbo::mail::{Letter, Recipient, Rendered};
use rumbo::store::{outbox, person};
use sea_orm::EntityTrait;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::scene::{Class, Plan, apply, enrolling, faults};
use crate::support::smtp::{Delivery, Sink};

/// The headers of a message that is always sent; there is never another one.
const HEADERS: [&str; 9] = [
    "Auto-Submitted",
    "Content-Language",
    "Content-Type",
    "Date",
    "From",
    "MIME-Version",
    "Message-ID",
    "Subject",
    "To",
];

/// Those of a message that its reader may do without.
fn optional() -> Vec<&'static str> {
    let mut names = [&HEADERS[..], &["List-Unsubscribe"]].concat();
    names.sort_unstable();
    names
}

/// A text that tries to be headers, the end of the message, and commands after it.
fn smuggler(name: &str) -> String {
    format!(
        "{name}\r\nBcc: <eve@example.org>\nReply-To: <eve@example.org>\r\n\r\n.\r\nMAIL FROM:<eve@example.org>\r\n\
         RCPT TO:<eve@example.org>\r\nDATA\r\n.\nQUIT\r\n"
    )
}

/// Sends what is in the outbox to a server, and returns what arrived there.
async fn deliver(test: &TestApp) -> Vec<Delivery> {
    let sink = Sink::start().await;
    let worker = test.worker_with(sink.mailer(test));
    worker.drain().await.expect("the worker reaches the server");
    sink.take()
}

/// The message without the dots that were doubled on its way, after the bytes of the line were looked at.
fn unstuffed(delivery: &Delivery) -> String {
    let data = String::from_utf8(delivery.data.clone()).expect("what leaves is ASCII");
    assert!(data.is_ascii() && data.ends_with("\r\n"));
    let mut lines = Vec::new();
    for line in data.split_terminator("\r\n") {
        assert!(!line.contains(['\r', '\n']), "a bare line break in {line:?}");
        assert!(line.len() <= 998, "a line of {} bytes", line.len());
        lines.push(match line.strip_prefix('.') {
            Some(rest) => {
                assert!(rest.starts_with('.'), "a dot alone: {line:?}");
                rest
            }
            None => line,
        });
    }
    lines.join("\r\n")
}

/// The names of the headers, sorted.
fn header_names(message: &str) -> Vec<&str> {
    let (head, _) = message.split_once("\r\n\r\n").expect("a head");
    let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    let mut names: Vec<&str> = lines.map(|line| line.split(':').next().unwrap_or_default()).collect();
    names.sort_unstable();
    names
}

/// The decoded parts of a message: plain text and HTML.
fn parts(message: &str) -> (String, String) {
    let (_, rest) = message.split_once("boundary=\"").expect("a message of parts");
    let (boundary, rest) = rest.split_once('"').expect("a boundary");
    let bodies: Vec<String> = rest
        .split(&format!("--{boundary}"))
        .filter_map(|part| part.trim_start_matches("\r\n").split_once("\r\n\r\n"))
        .filter(|(head, _)| head.contains("text/"))
        .map(|(head, body)| decoded(head, body))
        .collect();
    let [text, html] = bodies.try_into().expect("two parts");
    (text, html)
}

fn decoded(head: &str, body: &str) -> String {
    let bytes = if head.contains("quoted-printable") {
        let body = body.replace("=\r\n", "");
        let mut bytes = Vec::new();
        let mut rest = body.as_bytes();
        while let [first, tail @ ..] = rest {
            if *first == b'=' {
                let code = std::str::from_utf8(&tail[..2]).expect("two digits");
                bytes.push(u8::from_str_radix(code, 16).expect("hexadecimal digits"));
                rest = &tail[2..];
            } else {
                bytes.push(*first);
                rest = tail;
            }
        }
        bytes
    } else if head.contains("base64") {
        let letters: String = body.split_whitespace().collect();
        data_encoding::BASE64.decode(letters.as_bytes()).expect("base64")
    } else {
        body.as_bytes().to_vec()
    };
    String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n")
}

/// Everything that has to hold of a message to this address with these headers, whatever it says.
fn check(delivery: &Delivery, to: &str, headers: &[&str]) -> String {
    let [hello @ .., from, recipient, data] = delivery.commands.as_slice() else {
        panic!("{:?}", delivery.commands)
    };
    assert!(
        hello.iter().all(|line| line.starts_with("EHLO ") || line == "NOOP"),
        "{hello:?}"
    );
    assert!(from.starts_with("MAIL FROM:<no-reply@"), "{from}");
    assert_eq!(recipient, &format!("RCPT TO:<{to}>"));
    assert_eq!(data, "DATA");
    let message = unstuffed(delivery);
    assert_eq!(header_names(&message), headers, "{message}");
    let (head, _) = message.split_once("\r\n\r\n").expect("a head");
    let unfolded = head.replace("\r\n ", " ");
    for (name, address) in [("From: ", "no-reply@"), ("To: ", to)] {
        let line = unfolded
            .split("\r\n")
            .find(|line| line.starts_with(name))
            .expect("a line");
        assert!(
            line.matches('@').count() == 1 && line.contains(&format!("<{address}")),
            "{line}"
        );
    }
    message
}

/// Somebody whose name was stored by another way than the API, which refuses it.
async fn smuggling_person(test: &TestApp, email: &str) -> PersonId {
    let tx = test.app.db.write().await.expect("a transaction");
    let id = PersonId(test.app.clock.new_id());
    let row = person::Model {
        id,
        number: person::next_number(&tx).await.expect("a number"),
        email: email.to_owned(),
        given_name: smuggler("Ana"),
        family_name: smuggler("Ñandú"),
        language: Language::En,
        time_zone: "UTC".to_owned(),
        password_hash: None,
        email_confirmed_at: None,
        disabled_at: None,
        created_at: test.now(),
        version: 1,
    };
    person::insert(&tx, row).await.expect("a person");
    tx.commit().await.expect("a commit");
    id
}

fn about(comment: &str) -> Notice {
    let edition = AboutEdition {
        code: smuggler("BDG-2026"),
        title: Localized::of(Language::En, smuggler("Training")),
        starts_on: NaiveDate::from_ymd_opt(2026, 3, 7).expect("a date"),
        ends_on: NaiveDate::from_ymd_opt(2026, 5, 27).expect("a date"),
        time_zone: smuggler("UTC"),
        event: smuggler("edn_1"),
        changes: 0,
    };
    Notice::RevisionRequested {
        work: AboutWork {
            edition,
            deliverable: smuggler("Roadmap"),
            work: smuggler("Our roadmap"),
            version: 1,
        },
        comment: comment.to_owned(),
    }
}

#[tokio::test]
async fn stored_text_adds_no_header_no_recipient_and_no_command() {
    let test = TestApp::new().await;
    let id = smuggling_person(&test, "ana@example.org").await;
    // Of the second comment a part cannot go as it is: another way of writing it out.
    let comments = [smuggler("Read this"), smuggler("Leé esto, ñandú")];
    let tx = test.app.db.write().await.expect("a transaction");
    for comment in &comments {
        outbox::enqueue(&tx, &test.app.clock, id, &about(comment))
            .await
            .expect("queued");
    }
    tx.commit().await.expect("a commit");
    let deliveries = deliver(&test).await;
    assert_eq!(deliveries.len(), 2, "{deliveries:?}");
    let mut found = Vec::new();
    for delivery in &deliveries {
        let (plain, html) = parts(&check(delivery, "ana@example.org", &optional()));
        assert!(plain.contains("\n> .\n"), "the dots are text: {plain}");
        assert!(
            html.contains("&lt;eve@example.org&gt;") && !html.contains("<eve@"),
            "{html}"
        );
        found.push(
            comments
                .iter()
                .position(|comment| plain.contains(comment.lines().next().unwrap_or_default())),
        );
    }
    found.sort_unstable();
    assert_eq!(found, [Some(0), Some(1)]);
}

#[tokio::test]
async fn a_comment_of_dots_arrives_as_it_was_written() {
    let test = TestApp::new().await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    let comment = ".\n..\n.hidden\nFrom here on\n.\nQUIT\n<script>alert(1)</script>";
    class.give_back(&submission, comment).await;
    let deliveries = deliver(&test).await;
    assert_eq!(deliveries.len(), 2);
    for (delivery, to) in deliveries.iter().zip(["ana@example.org", "ben@example.org"]) {
        let (plain, html) = parts(&check(delivery, to, &optional()));
        let written: Vec<&str> = plain.lines().map(|line| line.trim_start_matches(['>', ' '])).collect();
        let wanted: Vec<&str> = comment.lines().collect();
        assert!(written.windows(wanted.len()).any(|lines| lines == wanted), "{plain}");
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    }
    assert!(deliver(&test).await.is_empty(), "each left once");
    // What a line break would be needed for is refused at the door.
    let name =
        json!({ "version": 1, "givenName": "Ana\r\nBcc: x", "familyName": "P", "language": "EN", "timeZone": "UTC" });
    let refused = faults(&class.people[0], "UpdateProfile", name).await;
    assert_eq!(refused, ["FORBIDDEN_CHARACTER input.givenName"]);
}

/// A message to Ana.
fn letter(test: &TestApp) -> Letter {
    Letter {
        id: test.app.clock.new_id(),
        notice: "already_registered".to_owned(),
        to: Recipient {
            email: "ana@example.org".to_owned(),
            full_name: "Ana".to_owned(),
            given_name: "Ana".to_owned(),
            language: Language::En,
        },
        rendered: Rendered {
            subject: "Hello".to_owned(),
            text: "One\n".to_owned(),
            html: "<p>One</p>\n".to_owned(),
        },
        calendar: None,
        unsubscribe: None,
        at: test.now(),
    }
}

#[tokio::test]
async fn a_line_of_one_dot_is_doubled_on_its_way() {
    let test = TestApp::new().await;
    let sink = Sink::start().await;
    let letter = Letter {
        rendered: Rendered {
            subject: "Dots".to_owned(),
            text: "One\n.\n..\nTwo\n".to_owned(),
            html: "<p>One</p>\n.\n<p>Two</p>\n".to_owned(),
        },
        ..letter(&test)
    };
    sink.mailer(&test).send(&letter).await.expect("sent");
    let deliveries = sink.take();
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    let raw = String::from_utf8_lossy(&delivery.data);
    assert!(raw.contains("One\r\n..\r\n...\r\nTwo\r\n"), "{raw}");
    let (plain, html) = parts(&check(delivery, "ana@example.org", &HEADERS));
    assert_eq!(plain.trim_end(), "One\n.\n..\nTwo");
    assert_eq!(html.trim_end(), "<p>One</p>\n.\n<p>Two</p>");
}

#[tokio::test]
async fn only_a_refusal_of_the_recipient_or_the_message_for_good_is_final() {
    let test = TestApp::new().await;
    for (command, reply, is_final) in [
        ("RCPT", "550 5.1.1 <ana@example.org>: no such mailbox", true),
        ("RCPT", "552-5.2.2 the mailbox\r\n552 5.2.2 is full", true),
        ("RCPT", "556 5.1.10 this domain takes no mail", true),
        (".", "554 5.6.0 the message cannot be read", true),
        (".", "552 5.3.4 the message is too big", true),
        // What passes by itself, and what whoever runs the servers puts right.
        ("RCPT", "450 4.2.1 try again later", false),
        ("RCPT", "554 5.7.1 the client host is on a list", false),
        ("MAIL", "550 5.1.8 the sender's domain does not exist", false),
        ("MAIL", "530 5.7.0 authenticate first", false),
        ("DATA", "503 5.5.1 the commands are out of order", false),
        // Without an enhanced code nobody knows what it is about.
        ("RCPT", "550 no such user here", false),
        ("MAIL", "553 not from you", false),
        ("DATA", "554 no valid recipients", false),
        ("CONNECT", "554 no mail is taken at the moment", false),
        ("EHLO", "550 not now", false),
    ] {
        let sink = Sink::replying(command, reply).await;
        let error = sink.mailer(&test).send(&letter(&test)).await.expect_err(reply);
        assert_eq!(error.is_hopeless(), is_final, "{command}: {reply}: {error:?}");
        let told = error.to_string();
        assert!(told.contains(&reply[..3]) && !told.contains("example"), "{told}");
        assert!(sink.take().is_empty(), "{command}");
    }
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_given_up_at_once_with_the_reason() {
    let test = TestApp::new().await;
    let ana = test.person("Ana").await;
    let tx = test.app.db.write().await.expect("a transaction");
    let notice = Notice::SessionCopied { at: test.now() };
    let id = outbox::enqueue(&tx, &test.app.clock, ana.person.expect("a person"), &notice).await;
    let id = id.expect("queued");
    tx.commit().await.expect("a commit");
    let sink = Sink::replying("RCPT", "550 5.1.1 no such mailbox").await;
    test.worker_with(sink.mailer(&test))
        .drain()
        .await
        .expect("the worker reaches the server");
    let row = outbox::Entity::find_by_id(id).one(test.app.db.read()).await;
    let row = row.expect("a query").expect("a row");
    assert_eq!((row.state.as_str(), row.attempts), (outbox::DEAD, 1));
    let reason = row.last_error.expect("a reason");
    assert!(
        reason.contains("for good with 550") && reason.contains("5.1.1 no such mailbox"),
        "{reason}"
    );
}

#[tokio::test]
async fn what_may_be_ended_leaves_with_the_headers_of_one_click() {
    let test = TestApp::with(&[("http.public_url", "https://rumbo.example.org")]).await;
    let class = Class::of(&test, &["Ana", "Ben"]).await;
    let submission = class.hand_in(&class.people[0], "Our plan").await;
    class.give_back(&submission, "Give dates").await;
    let deliveries = deliver(&test).await;
    assert_eq!(deliveries.len(), 2);
    for delivery in &deliveries {
        let message = unstuffed(delivery);
        let (head, _) = message.split_once("\r\n\r\n").expect("a head");
        let unfolded = head.replace("\r\n ", " ");
        let lines: Vec<&str> = unfolded
            .split("\r\n")
            .filter(|line| line.starts_with("List-"))
            .collect();
        let [link, by_one_click] = lines[..] else {
            panic!("{lines:?}")
        };
        assert!(
            link.starts_with("List-Unsubscribe: <https://rumbo.example.org/unsubscribe/uns_") && link.ends_with('>'),
            "{link}"
        );
        assert_eq!(by_one_click, "List-Unsubscribe-Post: List-Unsubscribe=One-Click");
    }
}

#[tokio::test]
async fn a_date_leaves_as_a_file_beside_the_text() {
    let test = TestApp::new().await;
    let coordinator = test.coordinator().await;
    let edition = enrolling(&coordinator, Plan::OPEN).await;
    apply(&test.person("Ana").await, &edition).await;
    let deliveries = deliver(&test).await;
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    let message = check(delivery, "ana@example.org", &HEADERS);
    for part in [
        "Content-Type: multipart/mixed;",
        "Content-Type: text/calendar; charset=utf-8",
        "filename=\"rumbo.ics\"",
        "BEGIN:VCALENDAR",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
