//! Every notice in every language, and what people write in them.

use chrono::NaiveDate;

use super::*;
use crate::domain::digest::{Figures, News};
use crate::domain::language::Localized;
use crate::domain::notice::{Days, Guest, samples};

const EVIL: &str = "<script>alert(1)</script> & \"{{ name }}\" {% raise %}";

fn recipient(language: Language) -> Recipient {
    Recipient {
        email: "ana@example.org".into(),
        full_name: "Ana Pérez".into(),
        given_name: "Ana".into(),
        language,
    }
}

fn about(title: &str) -> AboutEdition {
    AboutEdition {
        code: "BDG-2022".into(),
        title: Localized::of(Language::Es, title),
        starts_on: NaiveDate::from_ymd_opt(2022, 3, 7).expect("a date"),
        ends_on: NaiveDate::from_ymd_opt(2022, 5, 27).expect("a date"),
        time_zone: "America/Argentina/Buenos_Aires".into(),
        event: "edn_1".into(),
        changes: 2,
    }
}

/// The notices about accounts.
fn about_accounts(words: &str, at: DateTime<Utc>) -> Vec<Notice> {
    let token = String::from("a-token_1");
    vec![
        Notice::ConfirmAddress {
            guest: None,
            token: token.clone(),
            expires_at: at,
        },
        Notice::AlreadyRegistered,
        Notice::AddressTaken,
        Notice::ResetPassword {
            token: token.clone(),
            expires_at: at,
        },
        Notice::PasswordChanged { at },
        Notice::SessionCopied { at },
        Notice::SecondFactorAdded { at },
        Notice::SecondFactorRemoved { at },
        Notice::RecoveryCodesRenewed { at },
        Notice::ApiTokenCreated {
            name: words.into(),
            at,
            expires_at: at,
        },
        Notice::ApiTokenExpiring {
            name: words.into(),
            expires_at: at,
        },
        Notice::AddressChanged {
            address: "ana@example.org".into(),
            at,
        },
        Notice::ConfirmIdentity {
            provider: Localized::of(Language::Es, words),
            at,
            token: token.clone(),
            expires_at: at,
        },
        Notice::IdentityLinked {
            provider: Localized::of(Language::Es, words),
            at,
            password_forgotten: true,
        },
        Notice::IdentityUnlinked {
            provider: Localized::of(Language::Es, words),
            at,
        },
        Notice::AccountDisabled { reason: words.into() },
        Notice::ConfirmNewAddress {
            address: "ana.maria@example.org".into(),
            token,
            expires_at: at,
        },
        Notice::AccountEnabled,
        Notice::AddressNotConfirmed,
    ]
}

/// A decision that was taken back and a transfer, after which the enrolment stands so.
fn moved(state: &str, words: &str) -> [Notice; 2] {
    [
        Notice::DecisionUndone {
            edition: about(words),
            state: state.into(),
            reason: words.into(),
        },
        Notice::EnrolmentTransferred {
            edition: about(words),
            from: about(words),
            state: state.into(),
            reason: words.into(),
            asks_consent: state == "active",
        },
    ]
}

/// Every notice, once for each shape that its wording depends on.
fn every_notice(words: &str) -> Vec<Notice> {
    let edition = about(words);
    let work = AboutWork {
        edition: edition.clone(),
        deliverable: words.into(),
        work: words.into(),
        version: 2,
    };
    let (reason, comment) = (words.to_owned(), words.to_owned());
    let at = DateTime::from_timestamp(1_646_663_400, 0).expect("an instant");
    let mut all = about_accounts(words, at);
    all.extend([
        Notice::ApplicationReceived {
            edition: edition.clone(),
            asks_consent: true,
        },
        Notice::EnrolmentConfirmed {
            edition: edition.clone(),
            asks_consent: false,
        },
        Notice::EnrolmentWaitlisted {
            edition: edition.clone(),
            asks_consent: true,
        },
        Notice::SeatOffered {
            edition: edition.clone(),
            until: at,
        },
        Notice::SeatOfferExpired {
            edition: edition.clone(),
        },
        Notice::EnrolmentRejected {
            edition: edition.clone(),
            reason: reason.clone(),
        },
        Notice::ApplicationEnded {
            edition: edition.clone(),
            reason: None,
        },
        Notice::ApplicationEnded {
            edition: edition.clone(),
            reason: Some(reason.clone()),
        },
        Notice::EnrolmentEnded {
            edition: edition.clone(),
            reason: None,
        },
        Notice::EnrolmentEnded {
            edition: edition.clone(),
            reason: Some(reason.clone()),
        },
        Notice::EditionCancelled {
            edition: edition.clone(),
            reason,
        },
        rescheduled(words),
        digest(words, at),
        Notice::MinimumNotReached {
            edition: edition.clone(),
            confirmed: 11,
            minimum: 12,
        },
        Notice::RevisionRequested {
            work: work.clone(),
            comment: comment.clone(),
        },
        Notice::GradeReleased {
            work: work.clone(),
            grade: 83_300,
            comment: String::new(),
        },
        Notice::GradeReleased {
            work,
            grade: 83_300,
            comment,
        },
        Notice::CompletionDecided {
            edition: edition.clone(),
            completed: true,
            grade: 70_000,
        },
        Notice::CompletionDecided {
            edition,
            completed: false,
            grade: 0,
        },
    ]);
    all.extend(invitations(words, at));
    all.extend(nominations(words, at));
    all.extend(
        ["applied", "waitlisted", "active"]
            .into_iter()
            .flat_map(|state| moved(state, words)),
    );
    all.extend(put_right(words));
    all
}

/// What coordinators put right.
fn put_right(words: &str) -> [Notice; 3] {
    [
        Notice::SnapshotCorrected {
            edition: about(words),
            reason: words.into(),
        },
        Notice::ProposalSettled {
            proposed: words.into(),
            registered: words.into(),
        },
        Notice::ProposalRefused {
            proposed: words.into(),
            reason: words.into(),
        },
    ]
}

/// What is new in two editions.
fn digest(title: &str, at: DateTime<Utc>) -> Notice {
    let figures = Figures {
        applied: 12,
        undecided: 9,
        unreviewed: 3,
        ..Figures::default()
    };
    let part = EditionNews {
        edition: about(title),
        figures,
    };
    let running = EditionNews {
        figures: Figures {
            handed_in: 4,
            charges: 1,
            left: 2,
            ..Figures::default()
        },
        ..part.clone()
    };
    Notice::Digest {
        news: News {
            since: at - chrono::TimeDelta::days(1),
            until: at,
            time_zone: "America/Montevideo".into(),
            editions: vec![part, running],
        },
    }
}

/// An edition that now takes place in another zone, ending later.
fn rescheduled(title: &str) -> Notice {
    let before = about(title);
    Notice::EditionRescheduled {
        edition: AboutEdition {
            ends_on: NaiveDate::from_ymd_opt(2022, 6, 3).expect("a date"),
            time_zone: "America/Montevideo".into(),
            ..about(title)
        },
        before: Days {
            starts_on: before.starts_on,
            ends_on: before.ends_on,
            time_zone: before.time_zone,
        },
    }
}

/// Every shape of an invitation, and its end.
fn invitations(words: &str, at: DateTime<Utc>) -> [Notice; 6] {
    let guest = Guest {
        address: "ana@example.org".into(),
        given_name: "Ana".into(),
        family_name: "Pérez".into(),
        language: Language::Pt,
    };
    let to_role = |role: &str, place: Option<&str>| Notice::InvitedToRole {
        guest: guest.clone(),
        inviter: words.into(),
        role: role.into(),
        place: place.map(|place| Localized::of(Language::Es, place)),
        token: "a-token_1".into(),
        expires_at: at,
    };
    [
        Notice::InvitedToEdition {
            guest: guest.clone(),
            inviter: words.into(),
            edition: about(words),
            token: "a-token_1".into(),
            expires_at: at,
        },
        to_role("tutor", Some(words)),
        to_role("focal_point", Some(words)),
        to_role("coordinator", Some(words)),
        to_role("coordinator", None),
        Notice::InvitationEnded {
            guest: guest.clone(),
            edition: about(words),
            reason: words.into(),
        },
    ]
}

/// A nomination, its reminder, and every way in which it ends.
fn nominations(words: &str, at: DateTime<Utc>) -> Vec<Notice> {
    let guest = Guest {
        address: "ana@example.org".into(),
        given_name: "Ana".into(),
        family_name: "Pérez".into(),
        language: Language::Pt,
    };
    let nominated = |reminder| Notice::Nominated {
        guest: guest.clone(),
        institution: words.into(),
        inviter: words.into(),
        edition: about(words),
        token: "a-token_1".into(),
        expires_at: at,
        reminder,
    };
    let answered = |outcome: &str, reason: Option<&str>| Notice::NominationAnswered {
        edition: about(words),
        nominee: words.into(),
        outcome: outcome.into(),
        reason: reason.map(Into::into),
    };
    vec![
        nominated(false),
        nominated(true),
        Notice::NominationWithdrawn {
            guest: guest.clone(),
            institution: words.into(),
            edition: about(words),
        },
        Notice::EndorsementAsked {
            edition: about(words),
            institution: words.into(),
            inviter: words.into(),
            nominee: words.into(),
        },
        answered("endorsed", None),
        answered("not_endorsed", None),
        answered("withdrawn", Some(words)),
        answered("substituted", None),
        answered("accepted", None),
        answered("declined", Some(words)),
        answered("declined", None),
        answered("expired", None),
    ]
}

fn rendered(notice: &Notice, language: Language) -> Rendered {
    let unsubscribe = (!notice.kind().is_essential()).then_some("https://rumbo.example.org/unsubscribe/uns_x");
    render(notice, &recipient(language), "https://rumbo.example.org/", unsubscribe)
        .unwrap_or_else(|error| panic!("{} in {language:?}: {error}", notice.name()))
}

#[test]
fn every_notice_speaks_every_language() {
    for notice in every_notice("Formación dual") {
        let all = Language::ALL.map(|language| rendered(&notice, language));
        for (language, message) in Language::ALL.into_iter().zip(&all) {
            for text in [&message.subject, &message.text, &message.html] {
                assert!(
                    !text.contains("{{") && !text.contains("{%"),
                    "{language:?} {}: {text}",
                    notice.name()
                );
                assert!(!text.trim().is_empty());
            }
            assert!(!message.text.starts_with('\n'));
            assert!(message.text.contains("Ana") && message.html.contains("Ana"));
            assert!(
                message.text.ends_with('\n') && !message.text.contains("\n\n\n"),
                "{}",
                message.text
            );
            assert!(message.html.contains(&format!("<html lang=\"{}\">", language.code())));
        }
        assert!(
            all[0].subject != all[1].subject && all[1].subject != all[2].subject,
            "{}",
            notice.name()
        );
    }
}

#[test]
fn the_files_hold_the_notices_and_nothing_else() {
    let mut names: Vec<_> = every_notice("x")
        .iter()
        .map(Notice::name)
        .chain([
            "greeting",
            "closing",
            "footer",
            "ended",
            "unsubscribe",
            "page_ask",
            "page_done",
        ])
        .collect();
    let kinds: Vec<String> = MailKind::ALL
        .iter()
        .map(|kind| format!("kind_{}", kind.word()))
        .collect();
    names.extend(kinds.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    for file in [
        include_str!("../templates/es.txt"),
        include_str!("../templates/en.txt"),
        include_str!("../templates/pt.txt"),
    ] {
        let mut sections: Vec<_> = file.lines().filter_map(|line| line.strip_prefix("== ")).collect();
        sections.sort_unstable();
        assert_eq!(sections, names);
    }
}

#[test]
fn there_is_a_sample_of_every_notice() {
    let names = |notices: &[Notice]| {
        notices
            .iter()
            .map(Notice::name)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let samples: Vec<Notice> = samples::all().into_iter().map(|sample| sample.notice).collect();
    assert_eq!(names(&samples), names(&every_notice("x")));
}

#[test]
fn what_may_be_ended_says_so_below_and_what_is_essential_does_not() {
    for notice in every_notice("Dual") {
        let essential = notice.kind().is_essential();
        for (language, label) in [
            (Language::Es, "Dejar de recibir mensajes de este tipo ("),
            (Language::En, "Stop messages of this kind ("),
            (Language::Pt, "Deixar de receber mensagens deste tipo ("),
        ] {
            let message = rendered(&notice, language);
            let below = format!("{label}{}):", kind_name(language, notice.kind()).expect("a name"));
            let link = "https://rumbo.example.org/unsubscribe/uns_x\n";
            assert_eq!(message.text.contains(&below), !essential, "{}", message.text);
            assert_eq!(message.text.ends_with(link), !essential, "{}", message.text);
            assert_eq!(message.html.contains("uns_x"), !essential, "{}", message.html);
        }
    }
}

#[test]
fn a_digest_has_a_line_an_edition_with_what_there_is() {
    let at = DateTime::from_timestamp(1_646_663_400, 0).expect("an instant");
    let text = rendered(&digest("Dual", at), Language::En).text;
    for line in [
        "from 6 March 2022, 11:30 to 7 March 2022, 11:30 (America/Montevideo time).\n",
        "\n- Dual (BDG-2022). Applications received: 12. Applications to decide on: 9. Works to review: 3.\n",
        "\n- Dual (BDG-2022). People who left: 2. Works handed in: 4. New teams in your charge: 1.\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn wherever_all_ways_into_an_account_end_the_message_names_them() {
    let at = DateTime::from_timestamp(1_646_663_400, 0).expect("an instant");
    let ending = [
        "password_changed",
        "second_factor_added",
        "second_factor_removed",
        "address_changed",
        "identity_unlinked",
        "account_disabled",
    ];
    let words = [
        ["sesiones", "API tokens", "enlace del calendario", "mensajes anteriores"],
        ["session", "API token", "calendar link", "earlier messages"],
        ["sessões", "API tokens", "link do calendário", "mensagens anteriores"],
    ];
    for notice in about_accounts("x", at) {
        for language in Language::ALL {
            let all = match language {
                Language::Es => words[0],
                Language::En => words[1],
                Language::Pt => words[2],
            };
            let message = rendered(&notice, language);
            let names = |text: &str| all.iter().all(|word| text.contains(word));
            let (name, ends) = (notice.name(), ending.contains(&notice.name()));
            assert_eq!(names(&message.text), ends, "{name}: {}", message.text);
            assert_eq!(names(&message.html), ends, "{name}: {}", message.html);
        }
    }
    let disabled = Notice::AccountDisabled { reason: "x".into() };
    let kept = "but the one in which this was done";
    assert!(!rendered(&disabled, Language::En).text.contains(kept));
    assert!(
        rendered(&Notice::PasswordChanged { at }, Language::En)
            .text
            .contains(kept)
    );
}

#[test]
fn who_may_come_back_is_not_told_to_use_a_password_that_there_may_not_be() {
    for (language, password) in [
        (Language::Es, "contraseña"),
        (Language::En, "password"),
        (Language::Pt, "senha"),
    ] {
        assert!(!rendered(&Notice::AccountEnabled, language).text.contains(password));
    }
}

#[test]
fn what_people_write_is_escaped_and_never_run() {
    for notice in every_notice(EVIL) {
        for language in Language::ALL {
            let message = rendered(&notice, language);
            assert!(!message.html.contains("<script"), "{}: {}", notice.name(), message.html);
            if message.text.contains("script") {
                assert!(message.text.contains(EVIL), "{}: {}", notice.name(), message.text);
            }
        }
    }
}

#[test]
fn links_and_codes_are_complete() {
    let notices = every_notice("x");
    let confirm = rendered(&notices[0], Language::Es);
    assert!(
        confirm
            .text
            .contains("Confirmar mi dirección:\nhttps://rumbo.example.org/confirm?token=a-token_1\n")
    );
    assert!(confirm.text.contains("    a-token_1\n"));
    assert!(
        confirm.text.contains("hasta el 7 de marzo de 2022, 14:30 UTC."),
        "{}",
        confirm.text
    );
    let reset = notices.iter().find(|notice| notice.name() == "reset_password");
    let reset = rendered(reset.expect("a reset"), Language::En);
    assert!(reset.text.contains("https://rumbo.example.org/reset?token=a-token_1\n"));
}

#[test]
fn an_invitation_says_who_invites_to_what() {
    let about = |notice: &&Notice| matches!(notice, Notice::InvitedToEdition { .. } | Notice::InvitedToRole { .. });
    let all = every_notice("Formación dual");
    let texts: Vec<String> = all
        .iter()
        .filter(about)
        .map(|notice| rendered(notice, Language::En).text)
        .collect();
    let expected = [
        "Formación dual invites you to take part in edition BDG-2022 of “Formación dual”",
        "Formación dual invites you to be a tutor in “Formación dual”.",
        "Formación dual invites you to be the focal point of “Formación dual”.",
        "Formación dual invites you to be a coordinator of “Formación dual”.",
        "Formación dual invites you to be a coordinator of all courses.",
    ];
    assert_eq!(texts.len(), expected.len());
    for (text, expected) in texts.iter().zip(expected) {
        assert!(text.contains(expected), "{text}");
        assert!(
            text.contains("https://rumbo.example.org/invitation?token=a-token_1\n"),
            "{text}"
        );
    }
}

#[test]
fn a_nomination_says_who_nominates_and_a_reminder_that_the_earlier_link_is_dead() {
    let texts: Vec<String> = nominations("Formación dual", DateTime::UNIX_EPOCH)
        .iter()
        .map(|notice| rendered(notice, Language::En).text)
        .collect();
    for (text, expected) in texts.iter().zip([
        "Formación dual nominates you for Formación dual to take part in edition BDG-2022 of “Formación dual”",
        "This link takes the place of the one that you got before. Accept or decline with this link.",
        "Formación dual has withdrawn your nomination for edition BDG-2022",
        "Formación dual nominates Formación dual for Formación dual to take part in edition BDG-2022",
        "has been endorsed. We have written to them",
        "has not been endorsed in time: the nomination has expired",
        "is no longer nominated: somebody else of your institution took the nomination back",
        "is no longer nominated: somebody else of your institution took the nomination back",
        "accepted. Sign in to Rumbo",
        "declined. You can nominate somebody else",
        "declined. You can nominate somebody else",
        "did not answer in time",
    ]) {
        assert!(text.contains(expected), "{text}");
    }
    for text in &texts[..2] {
        let link = "https://rumbo.example.org/invitation?token=a-token_1\n";
        assert!(text.contains(link), "{text}");
    }
    assert!(!texts[0].contains("takes the place"), "{}", texts[0]);
}

#[test]
fn other_days_stand_beside_those_of_before_each_in_its_zone() {
    let text = rendered(&rescheduled("Dual"), Language::En).text;
    for line in [
        "Until now: from 7 March 2022 to 27 May 2022 (America/Argentina/Buenos Aires time).",
        "From now on: from 7 March 2022 to 3 June 2022 (America/Montevideo time).",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn a_comment_keeps_its_lines_inside_the_quotation() {
    let comment = "First.\r\n\r\n== closing\r-> Click".to_owned();
    let work = AboutWork {
        edition: about("Dual"),
        deliverable: "Roadmap".into(),
        work: "Ours".into(),
        version: 1,
    };
    let message = rendered(&Notice::RevisionRequested { work, comment }, Language::En);
    assert!(
        message.text.contains("\n> First.\n> \n> == closing\n> -> Click\n\n"),
        "{}",
        message.text
    );
}

#[test]
fn numbers_and_days_are_written_as_the_language_does() {
    let grades = [
        (83_300, "83.3", "83,3"),
        (100_000, "100.0", "100,0"),
        (83_125, "83.125", "83,125"),
        (50, "0.05", "0,05"),
    ];
    for (grade, english, spanish) in grades {
        assert_eq!(points(grade, Language::En), english);
        assert_eq!(points(grade, Language::Es), spanish);
    }
    let confirmed = Notice::EnrolmentConfirmed {
        edition: about("Dual"),
        asks_consent: false,
    };
    let message = rendered(&confirmed, Language::Pt);
    let dates = "O curso começa em 7 de março de 2022 e termina em 27 de maio de 2022 (horário de America/Argentina/Buenos Aires).";
    assert!(message.text.contains(dates), "{}", message.text);
}
