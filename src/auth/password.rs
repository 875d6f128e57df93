//! Passwords: which ones are taken, and how they are hashed without taking the server down.
//!
//! Every hash holds 19 MiB for some 25 ms, so only a few run at a time, after everything else, and only some may wait
//! (`hash_threads`); whoever comes after that is told to come again. Checking a password of nobody costs the same as of
//! somebody.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::hash_threads::HashThreads;
use crate::config;
use crate::domain::text::fold;
use crate::error::{Code, Error, Flaw, Result};

/// The fewest code points of a password.
pub const SHORTEST: usize = 12;
/// The most code points of a password.
pub const LONGEST: usize = 128;

/// The memory of one hash in KiB, the passes over it and the lanes (OWASP ASVS 5.0, 11.4.2).
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// A password with fewer different letters than this is a pattern.
const FEWEST_DIFFERENT: usize = 5;
/// A listed word that is shorter than this says little about what stands around it.
const SHORTEST_CORE: usize = 4;
/// Parts of names that are shorter than this occur by chance.
const SHORTEST_NAME: usize = 4;
/// A well-formed hash that no password has: checked where there is no account, so that it takes as long.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect()
});

/// A password that may be set. It is never shown, trimmed or normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes 12 to 128 code points of any script; `about` is what the person is called: names and address.
    ///
    /// # Errors
    /// [`Code::TooShort`], [`Code::TooLong`], [`Code::ForbiddenCharacter`] for control characters,
    /// [`Code::WeakPassword`] for a common one and for one that holds a name of the person.
    pub fn parse(text: &str, about: &[&str]) -> Result<Self, Flaw> {
        let limit = |code, limit: usize| {
            Err(Flaw {
                code,
                detail: Some(limit.to_string()),
            })
        };
        if text.len() > LONGEST * 4 {
            return limit(Code::TooLong, LONGEST);
        }
        match text.chars().count() {
            0 => return Err(Code::Required.into()),
            length if length < SHORTEST => return limit(Code::TooShort, SHORTEST),
            length if length > LONGEST => return limit(Code::TooLong, LONGEST),
            _ => {}
        }
        if text.chars().any(char::is_control) {
            return Err(Code::ForbiddenCharacter.into());
        }
        if is_common(text) || holds_name(text, about) {
            return Err(Code::WeakPassword.into());
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether it holds one more name of the person, or the part of an address before the `@`.
    pub fn holds(&self, name: &str) -> bool {
        holds_name(&self.0, &[name])
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(hidden)")
    }
}

/// Whether a list of guesses begins with it: listed as it is, or without what was put around a listed word, or
/// a listed word said twice or more. Two lists count: ours, of words of this place and trade, and the hundred
/// thousand of the crate `passwords`.
fn is_common(text: &str) -> bool {
    let folded = fold(text);
    let core = folded.trim_matches(|letter: char| !letter.is_alphabetic());
    let different: HashSet<char> = folded.chars().collect();
    let letters = letters(&folded);
    let listed = |guess: &str| COMMON.contains(guess) || passwords::analyzer::is_common_password(guess);
    different.len() < FEWEST_DIFFERENT
        || listed(text)
        || [folded.as_str(), &letters, said_once(&letters)].into_iter().any(listed)
        || core.len() >= SHORTEST_CORE && [core, said_once(core)].into_iter().any(listed)
}

/// The part that a text repeats: `abcabcabc` is `abc` three times.
fn said_once(text: &str) -> &str {
    let length = text.len();
    (1..=length / 2)
        .filter(|part| length.is_multiple_of(*part) && text.is_char_boundary(*part))
        .find(|part| text.as_bytes()[*part..] == text.as_bytes()[..length - part])
        .map_or(text, |part| &text[..part])
}

/// Whether it holds a name, or the part of the address before the `@`, or a word of either.
fn holds_name(text: &str, about: &[&str]) -> bool {
    let password = letters(&fold(text));
    about.iter().any(|name| {
        let name = name.rsplit_once('@').map_or(*name, |(local, _)| local);
        let folded = fold(name);
        let words = folded
            .split(|letter: char| !letter.is_alphanumeric())
            .map(ToOwned::to_owned);
        words
            .chain([letters(&folded)])
            .any(|word| word.chars().count() >= SHORTEST_NAME && password.contains(&word))
    })
}

fn letters(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Hashes and checks passwords; cheap to clone, all clones share the same limits.
#[derive(Debug, Clone)]
pub struct Passwords(HashThreads);

/// How many hashes are made at a time: never more than one per core, and where nothing was chosen one core is left to
/// who serves.
fn parallel(chosen: usize, cores: usize) -> usize {
    match chosen {
        0 => cores.saturating_sub(1),
        chosen => chosen.min(cores),
    }
    .max(1)
}

impl Passwords {
    /// With the limits of the settings.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn from_settings(settings: &config::Auth) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let parallel = parallel(settings.parallel_hashes, cores);
        HashThreads::start(parallel, settings.waiting_hashes)
            .map(Self)
            .map_err(Error::internal)
    }

    /// The hash to store, a PHC string with a salt of its own.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn hash(&self, password: &Password) -> Result<String> {
        self.hash_text(password.0.clone()).await
    }

    /// The hash by the parameters of today for a password that was just found right, where the one that is
    /// stored was made by others.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn renew(&self, password: &str, stored: &str) -> Result<Option<String>> {
        if is_current(stored) {
            return Ok(None);
        }
        self.hash_text(password.to_owned()).await.map(Some)
    }

    async fn hash_text(&self, password: String) -> Result<String> {
        self.0
            .run(move || {
                let hash: PasswordHash = argon2()?.hash_password(password.as_bytes()).map_err(Error::internal)?;
                Ok(hash.to_string())
            })
            .await
    }

    /// Whether the password has this hash. Without a hash the answer is no, after as much work.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool> {
        // What is longer than any password costs no more than one.
        let possible = password.len() <= LONGEST * 4;
        let known = hash.is_some() && possible;
        let bytes = if possible { password } else { "" }.to_owned();
        let hash = hash.unwrap_or(NOBODY).to_owned();
        self.0
            .run(move || {
                let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
                Ok(argon2()?.verify_password(bytes.as_bytes(), &hash).is_ok() && known)
            })
            .await
    }
}

/// Whether the hash was made by the parameters of today.
fn is_current(hash: &str) -> bool {
    let (memory, passes, lanes) = COST;
    hash.starts_with(&format!("$argon2id$v=19$m={memory},t={passes},p={lanes}$"))
}

fn argon2() -> Result<Argon2<'static>> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|fault| Error::internal(fault.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(parallel: usize, waiting: usize) -> config::Auth {
        let secret = ("auth.secret", "a secret of the tests, 32 bytes or longer".to_owned());
        let mut settings = config::Settings::load("test", None, &[secret]).expect("settings").auth;
        (settings.parallel_hashes, settings.waiting_hashes) = (parallel, waiting);
        settings
    }

    fn code(text: &str) -> Option<Code> {
        Password::parse(text, &["María José", "Núñez", "mj.nunez@example.org"])
            .err()
            .map(|flaw| flaw.code)
    }

    #[test]
    fn lengths_are_counted_in_code_points() {
        assert_eq!(code(""), Some(Code::Required));
        assert_eq!(code("ñandú gris!"), Some(Code::TooShort));
        assert_eq!(code("ñandú gris!!"), None);
        assert_eq!(code("五彩斑斓的黑色马克杯和茶"), None);
        let long = "aé🌊x9".repeat(26);
        assert_eq!(code(&long.chars().take(128).collect::<String>()), None);
        assert_eq!(code(&long.chars().take(129).collect::<String>()), Some(Code::TooLong));
        assert_eq!(code("with a \0 inside it"), Some(Code::ForbiddenCharacter));
    }

    #[test]
    fn guessable_ones_are_refused() {
        for weak in [
            "password1234",
            "Password2026!",
            "111111111111",
            "abababababab",
            "qwertyuiop12",
            "123456789012",
            "contraseña2026",
            "Contrasena.2026!",
            "letmeinletmein",
            "passwordpassword",
            "dragondragon",
            "!!!!MonKey!!!!",
            "sunshine-4711",
            "Trustno1Trustno1",
        ] {
            assert_eq!(code(weak), Some(Code::WeakPassword), "{weak}");
        }
    }

    #[test]
    fn names_of_the_person_are_refused() {
        for weak in [
            "xx maria 4711 yy",
            "NUNEZ-is-great",
            "i am mj.nunez 77",
            "josé y los otros",
        ] {
            assert_eq!(code(weak), Some(Code::WeakPassword), "{weak}");
        }
        assert_eq!(code("tortuga verde en mayo"), None);
    }

    #[test]
    fn the_lists_hold_more_than_ten_thousand() {
        assert!(COMMON.len() > 800);
        // The crate does not say how many it has (99,838 in 3.1.19): it knows years, and words that lead every list.
        let years = (1960..2010).filter(|year: &i32| passwords::analyzer::is_common_password(year.to_string()));
        assert!(years.count() > 40);
        for word in [
            "password", "dragon", "iloveyou", "qwerty", "football", "monkey", "shadow", "mustang",
        ] {
            assert!(passwords::analyzer::is_common_password(word), "{word}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_renewed() {
        let passwords = Passwords::from_settings(&settings(2, 8)).expect("threads");
        let text = "tortuga verde en mayo";
        let current = passwords.hash_text(text.to_owned()).await.expect("a hash");
        assert_eq!(passwords.renew(text, &current).await.expect("an answer"), None);
        let old = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8_192, 1, 1, None).expect("parameters"),
        );
        let old: PasswordHash = old.hash_password(text.as_bytes()).expect("a hash");
        let old = old.to_string();
        assert!(passwords.verify(text, Some(&old)).await.expect("an answer"));
        let new = passwords
            .renew(text, &old)
            .await
            .expect("an answer")
            .expect("a new hash");
        assert!(is_current(&new) && passwords.verify(text, Some(&new)).await.expect("an answer"));
    }

    #[tokio::test]
    async fn a_password_counts_to_its_last_letter_and_byte() {
        let passwords = Passwords::from_settings(&settings(2, 8)).expect("threads");
        let text: String = ('!'..'~').cycle().take(100).collect();
        let hash = passwords
            .hash(&Password::parse(&text, &[]).expect("a password"))
            .await
            .expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let mut other = text.clone();
        other.pop();
        other.push('~');
        assert!(passwords.verify(&text, Some(&hash)).await.expect("an answer"));
        for wrong in [other, format!("{text} "), format!(" {text}"), text.to_lowercase()] {
            assert!(!passwords.verify(&wrong, Some(&hash)).await.expect("an answer"));
        }
        assert!(!passwords.verify(&text, None).await.expect("an answer"));
    }

    #[test]
    fn one_core_is_left_and_no_core_makes_two() {
        for ((chosen, cores), expected) in [
            ((0, 1), 1),
            ((0, 2), 1),
            ((0, 8), 7),
            ((1, 8), 1),
            ((8, 8), 8),
            ((9, 8), 8),
            ((4, 1), 1),
        ] {
            assert_eq!(parallel(chosen, cores), expected, "{chosen} of {cores}");
        }
    }
}
