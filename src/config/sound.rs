//! What the numbers and addresses of the settings may be, so that what cannot work does not start.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use openidconnect::url::{Host, Url};

use super::{ConfigError, Http, Limits, Load, Mail, Profile, Rate, Rates, Settings, Socket, Transport};

/// What says nothing but that there must be some of it.
const SOME: RangeInclusive<u64> = 1..=u64::MAX;
/// An hour and a day in seconds: beyond that a time to wait is a slip of the pen.
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// How many units may come back in a second: more is no limit any more, and cannot be told in microseconds.
const REFILL: u64 = 1_000;

/// A key, what it is set to, and what it may be.
type Number = (&'static str, u64, RangeInclusive<u64>);

impl Settings {
    /// Refuses numbers with which nothing works, and addresses that are none or would let secrets be read on their way.
    pub(super) fn check_sections(&self) -> Result<(), ConfigError> {
        let auth = &self.auth;
        let of_auth = [
            ("auth.refresh_days", auth.refresh_days, 1..=3_650),
            ("auth.refresh_grace_seconds", auth.refresh_grace_seconds, 0..=HOUR),
            ("auth.confirm_hours", auth.confirm_hours, 1..=366 * 24),
            ("auth.reset_minutes", auth.reset_minutes, 1..=7 * 24 * 60),
        ];
        let sections: [&[Number]; 5] = [
            &of_auth,
            &self.mail.numbers(),
            &self.limits.numbers(),
            &self.load.numbers(),
            &self.socket.numbers(),
        ];
        sections.into_iter().flatten().try_for_each(check)?;
        if self.load.operation_seconds >= self.limits.request_seconds {
            let problem = "must be less than limits.request_seconds";
            return Err(ConfigError::invalid("load.operation_seconds", problem));
        }
        self.rates.check()?;
        self.http.check(self.profile)?;
        self.mail.check(self.profile)
    }
}

fn check((key, value, range): &Number) -> Result<(), ConfigError> {
    if range.contains(value) {
        return Ok(());
    }
    let (least, most) = (range.start(), range.end());
    let problem = if range == &SOME {
        format!("must be at least {least}")
    } else {
        format!("must be {least} to {most}")
    };
    Err(ConfigError::invalid(*key, problem))
}

/// A number that is a size in memory.
fn size(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// A number that may be written with a sign; below zero is as wrong as zero is.
fn positive(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

impl Mail {
    fn numbers(&self) -> [Number; 4] {
        [
            ("mail.attempts", positive(self.attempts), 1..=1_000),
            ("mail.lease_seconds", positive(self.lease_seconds), 1..=DAY),
            ("mail.poll_milliseconds", self.poll_milliseconds, 1..=HOUR * 1_000),
            ("mail.digest_hour", self.digest_hour.into(), 0..=23),
        ]
    }

    /// In real use, messages hold what opens accounts, and the address may hold a password.
    fn check(&self, profile: Profile) -> Result<(), ConfigError> {
        if profile != Profile::Production || self.transport != Transport::Smtp {
            return Ok(());
        }
        // What is no address is for the mailer to refuse.
        let Ok(url) = Url::parse(self.smtp_url.reveal()) else {
            return Ok(());
        };
        let tls = url.query_pairs().find(|(name, _)| name == "tls");
        let is_sealed = url.scheme() != "smtp" || tls.is_some_and(|(_, value)| value == "required");
        if is_sealed || is_here(&url) {
            return Ok(());
        }
        let problem = "would send passwords and tokens in clear: give smtps://… or smtp://…?tls=required";
        Err(ConfigError::invalid("mail.smtp_url", problem))
    }
}

impl Limits {
    /// All but the numbers of aliases and directives, which may be none.
    fn numbers(&self) -> [Number; 15] {
        [
            ("limits.body_bytes", size(self.body_bytes), SOME),
            ("limits.document_bytes", size(self.document_bytes), SOME),
            ("limits.tokens", size(self.tokens), SOME),
            ("limits.depth", size(self.depth), SOME),
            ("limits.introspection_depth", size(self.introspection_depth), SOME),
            ("limits.cost", self.cost, SOME),
            ("limits.selections", self.selections, SOME),
            ("limits.root_fields", self.root_fields, SOME),
            ("limits.root_mutations", self.root_mutations, SOME),
            ("limits.input_depth", size(self.input_depth), SOME),
            ("limits.input_values", size(self.input_values), SOME),
            ("limits.errors", size(self.errors), SOME),
            ("limits.answer_bytes", size(self.answer_bytes), SOME),
            ("limits.kept_answer_bytes", size(self.kept_answer_bytes), SOME),
            ("limits.request_seconds", self.request_seconds, 2..=DAY),
        ]
    }
}

impl Load {
    fn numbers(&self) -> [Number; 5] {
        [
            ("load.operation_seconds", self.operation_seconds, 1..=DAY),
            ("load.operations", size(self.operations), 1..=1_000_000),
            ("load.head_seconds", self.head_seconds, 1..=HOUR),
            ("load.unread_seconds", self.unread_seconds, 1..=HOUR),
            ("load.key_milliseconds", self.key_milliseconds, 0..=HOUR * 1_000),
        ]
    }
}

impl Socket {
    fn numbers(&self) -> [Number; 7] {
        [
            ("socket.init_milliseconds", self.init_milliseconds, 1..=HOUR * 1_000),
            ("socket.check_milliseconds", self.check_milliseconds, 1..=HOUR * 1_000),
            ("socket.ping_seconds", self.ping_seconds, 1..=HOUR),
            ("socket.message_bytes", size(self.message_bytes), SOME),
            ("socket.operations", size(self.operations), SOME),
            ("socket.per_address", size(self.per_address), SOME),
            ("socket.per_person", size(self.per_person), SOME),
        ]
    }
}

impl Rate {
    /// Whether something comes through, and not everything.
    const fn is_sound(self) -> bool {
        let seconds = self.seconds;
        self.burst > 0 && self.refill > 0 && 0 < seconds && seconds <= 366 * DAY && self.refill <= seconds * REFILL
    }
}

impl Rates {
    fn check(&self) -> Result<(), ConfigError> {
        let all = [
            ("rates.anonymous", self.anonymous),
            ("rates.person", self.person),
            ("rates.token", self.token),
            ("rates.sign_in_address", self.sign_in_address),
            ("rates.sign_in_network", self.sign_in_network),
            ("rates.sign_in_known", self.sign_in_known),
            ("rates.sign_in_account", self.sign_in_account),
            ("rates.mail_sender", self.mail_sender),
            ("rates.invitation_sender", self.invitation_sender),
            ("rates.nomination_sender", self.nomination_sender),
            ("rates.mail_recipient", self.mail_recipient),
            ("rates.export", self.export),
        ];
        match all.into_iter().find(|(_, rate)| !rate.is_sound()) {
            None => Ok(()),
            Some((key, _)) => {
                let problem = "burst, refill and seconds must be at least 1, seconds no more than a year, and no more \
                               than 1000 may come back in a second; rates.enabled = false is for no limit";
                Err(ConfigError::invalid(key, problem))
            }
        }
    }
}

impl Http {
    /// Links in messages are made of it, and hold what opens accounts.
    fn check(&self, profile: Profile) -> Result<(), ConfigError> {
        let invalid = |problem: &'static str| Err(ConfigError::invalid("http.public_url", problem));
        let url = Url::parse(&self.public_url).ok().filter(|url| {
            let is_plain = url.query().is_none() && url.fragment().is_none();
            let is_nobodys = url.username().is_empty() && url.password().is_none();
            matches!(url.scheme(), "https" | "http") && url.has_host() && is_plain && is_nobodys
        });
        // Links are written with the text as it stands, not as it was understood.
        let is_written = |url: &Url| {
            self.public_url.starts_with(&format!("{}://", url.scheme()))
                && !self.public_url.contains(char::is_whitespace)
        };
        let Some(url) = url.filter(is_written) else {
            return invalid("must be https://HOST, or http://HOST, with a path at most");
        };
        if profile == Profile::Production && url.scheme() != "https" && !is_here(&url) {
            return invalid("must begin with https:// unless it is of this machine: links in messages hold tokens");
        }
        Ok(())
    }
}

/// Whether an address is of this machine itself.
fn is_here(url: &Url) -> bool {
    match url.host() {
        // Of an address that is not for the web, numbers are not read as such.
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of settings with one value changed.
    fn told(profile: &str, given: &[(&str, &str)]) -> Option<String> {
        let secret = ("auth.secret", "5f0c2b9e7d1a48f36b5e9c0d2f7a1b3c".to_owned());
        let mail = ("mail.smtp_url", "smtp://127.0.0.1:2525".to_owned());
        let given = given.iter().map(|(key, value)| (*key, (*value).to_owned()));
        let given: Vec<_> = [secret, mail].into_iter().chain(given).collect();
        let settings = Settings::load(profile, None, &given).expect("settings");
        settings.validate().err().map(|refused| refused.to_string())
    }

    #[test]
    fn every_profile_is_sound() {
        for profile in ["development", "test", "production"] {
            assert_eq!(told(profile, &[]), None, "{profile}");
        }
    }

    #[test]
    fn a_number_with_which_nothing_works_is_refused() {
        for (key, value) in [
            ("mail.attempts", "0"),
            ("mail.attempts", "-1"),
            ("mail.lease_seconds", "0"),
            ("mail.lease_seconds", "-60"),
            ("mail.lease_seconds", "86401"),
            ("mail.poll_milliseconds", "0"),
            ("mail.digest_hour", "24"),
            ("auth.refresh_days", "0"),
            ("auth.refresh_days", "3651"),
            ("auth.refresh_grace_seconds", "3601"),
            ("auth.confirm_hours", "0"),
            ("auth.reset_minutes", "0"),
            ("load.operations", "0"),
            ("load.operation_seconds", "0"),
            ("load.operation_seconds", "10"),
            ("load.head_seconds", "0"),
            ("load.unread_seconds", "0"),
            ("load.unread_seconds", "3601"),
            ("limits.body_bytes", "0"),
            ("limits.document_bytes", "0"),
            ("limits.tokens", "0"),
            ("limits.depth", "0"),
            ("limits.introspection_depth", "0"),
            ("limits.cost", "0"),
            ("limits.selections", "0"),
            ("limits.root_fields", "0"),
            ("limits.root_mutations", "0"),
            ("limits.input_depth", "0"),
            ("limits.input_values", "0"),
            ("limits.errors", "0"),
            ("limits.answer_bytes", "0"),
            ("limits.kept_answer_bytes", "0"),
            ("limits.request_seconds", "0"),
            ("socket.init_milliseconds", "0"),
            ("socket.check_milliseconds", "0"),
            ("socket.ping_seconds", "0"),
            ("socket.message_bytes", "0"),
            ("socket.operations", "0"),
            ("socket.per_address", "0"),
            ("socket.per_person", "0"),
        ] {
            let told = told("test", &[(key, value)]).unwrap_or_default();
            assert!(told.starts_with(&format!("{key}: must be ")), "{key} = {value}: {told}");
        }
        for (key, value) in [
            ("mail.attempts", "1"),
            ("mail.lease_seconds", "1"),
            ("auth.refresh_grace_seconds", "0"),
            ("load.operation_seconds", "9"),
            ("load.key_milliseconds", "0"),
            ("limits.request_seconds", "86400"),
            ("limits.aliases", "0"),
            ("limits.directives", "0"),
            ("limits.cost", "1"),
        ] {
            assert_eq!(told("test", &[(key, value)]), None, "{key} = {value}");
        }
    }

    #[test]
    fn a_limit_lets_something_through_and_not_everything() {
        let classes = [
            "anonymous",
            "person",
            "token",
            "sign_in_address",
            "sign_in_network",
            "sign_in_known",
            "sign_in_account",
            "mail_sender",
            "invitation_sender",
            "nomination_sender",
            "mail_recipient",
            "export",
        ];
        for class in classes {
            for (burst, refill, seconds, works) in [
                ("1", "1", "1", true),
                ("1", "1000", "1", true),
                ("1", "60000", "60", true),
                ("1", "1", "31622400", true),
                ("0", "1", "1", false),
                ("1", "0", "1", false),
                ("1", "1", "0", false),
                ("1", "1001", "1", false),
                ("1", "9000000000000000000", "60", false),
                ("1", "1", "31622401", false),
            ] {
                let keys = ["burst", "refill", "seconds"].map(|name| format!("rates.{class}.{name}"));
                let [first, second, third] = &keys;
                let told = told("test", &[(first, burst), (second, refill), (third, seconds)]);
                let expected = format!("rates.{class}: ");
                let is_told = told.as_ref().is_some_and(|told| told.starts_with(&expected));
                assert_eq!(is_told, !works, "{class} {burst} {refill} {seconds}: {told:?}");
                assert_eq!(told.is_none(), works, "{told:?}");
            }
        }
    }

    #[test]
    fn links_lead_somewhere_and_in_real_use_nobody_reads_them_on_the_way() {
        for (url, anywhere, production) in [
            ("https://rumbo.example.org", true, true),
            ("https://rumbo.example.org/", true, true),
            ("https://example.org:8443/rumbo", true, true),
            ("http://127.0.0.1:8080", true, true),
            ("http://[::1]:8080", true, true),
            ("http://localhost:5173", true, true),
            ("http://rumbo.example.org", true, false),
            ("http://localhost.example.org", true, false),
            ("http://10.0.0.1", true, false),
            ("", false, false),
            ("rumbo.example.org", false, false),
            ("localhost:8080", false, false),
            ("//rumbo.example.org", false, false),
            (" https://rumbo.example.org", false, false),
            ("https://rumbo.example.org ", false, false),
            ("https:rumbo.example.org", false, false),
            ("https://", false, false),
            ("ftp://rumbo.example.org", false, false),
            ("https://rumbo.example.org?a=b", false, false),
            ("https://rumbo.example.org/#start", false, false),
            ("https://ana:secret@rumbo.example.org", false, false),
        ] {
            for (profile, works) in [("test", anywhere), ("production", production)] {
                let told = told(profile, &[("http.public_url", url)]);
                assert_eq!(told.is_none(), works, "{profile} {url}: {told:?}");
                let names = |told: String| told.starts_with("http.public_url: ") && !told.contains("secret");
                assert!(told.is_none_or(names), "{profile} {url}");
            }
        }
    }

    #[test]
    fn messages_leave_this_machine_under_a_seal() {
        for (url, works) in [
            ("smtp://127.0.0.1:2525", true),
            ("smtp://127.8.8.8", true),
            ("smtp://[::1]:25", true),
            ("smtp://localhost", true),
            ("smtps://rumbo:whisper@mail.example.org", true),
            ("smtp://rumbo:whisper@mail.example.org:587?tls=required", true),
            ("smtp://rumbo:whisper@mail.example.org", false),
            ("smtp://rumbo:whisper@mail.example.org?tls=opportunistic", false),
            (
                "smtp://rumbo:whisper@mail.example.org?tls=opportunistic&tls=required",
                false,
            ),
            ("smtp://mail.example.org", false),
            ("smtp://10.0.0.1:25", false),
            ("smtp://127.0.0.1.example.org", false),
        ] {
            let said = told("production", &[("mail.smtp_url", url)]);
            assert_eq!(said.is_none(), works, "{url}: {said:?}");
            let names = |told: String| told.starts_with("mail.smtp_url: ") && !told.contains("whisper");
            assert!(said.is_none_or(names), "{url}");
            let elsewhere = [("mail.smtp_url", url), ("mail.transport", "smtp")];
            assert_eq!(told("development", &elsewhere), None, "{url}");
        }
    }
}
