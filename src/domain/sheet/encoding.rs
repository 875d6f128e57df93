//! Bytes as text. What is not Unicode is not guessed at: it is named, with the line and the byte that show it, since a
//! wrong guess would store other letters than were meant.

use std::borrow::Cow;

use super::Unreadable;
use crate::error::Code;

/// How a file writes its letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Marked,
    /// UTF-16 with a byte order mark, the low byte first.
    Utf16Le,
    /// UTF-16 with a byte order mark, the high byte first.
    Utf16Be,
}

impl Encoding {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8Marked => "UTF-8 with BOM",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }

    /// The bytes of a text in it.
    #[cfg(test)]
    pub(super) fn encode(self, text: &str) -> Vec<u8> {
        let units = || std::iter::once(0xFEFF).chain(text.encode_utf16());
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            Self::Utf8Marked => [&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat(),
            Self::Utf16Le => units().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Be => units().flat_map(u16::to_be_bytes).collect(),
        }
    }
}

/// What Windows-1252 means by the bytes 0x80 to 0x9F; NUL for the five that it leaves out. The others are Latin-1's.
const WINDOWS: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn windows(byte: u8) -> char {
    match byte {
        0x80..=0x9F => WINDOWS[usize::from(byte) - 0x80],
        byte => char::from(byte),
    }
}

/// The text of a file without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, Cow<'_, str>), Unreadable> {
    let named = |name: &str| Unreadable::file(Code::WrongEncoding, name);
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(named("UTF-32")),
        [0xFF, 0xFE, units @ ..] => utf16(units, Encoding::Utf16Le, u16::from_le_bytes),
        [0xFE, 0xFF, units @ ..] => utf16(units, Encoding::Utf16Be, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, text @ ..] => utf8(text).map(|text| (Encoding::Utf8Marked, text.into())),
        bytes if has_many_zeros(bytes) => Err(named("UTF-16 (BOM?)")),
        bytes => utf8(bytes).map(|text| (Encoding::Utf8, text.into())),
    }
}

/// Plain letters in two bytes each have a zero in every other one.
fn has_many_zeros(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(200)];
    let zeros = start.split(|&byte| byte == 0).count() - 1;
    zeros > 0 && zeros * 4 >= start.len()
}

fn utf16(
    bytes: &[u8],
    encoding: Encoding,
    unit: fn([u8; 2]) -> u16,
) -> Result<(Encoding, Cow<'static, str>), Unreadable> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(bytes.len());
    for letter in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        match letter {
            Ok(letter) => text.push(letter),
            Err(half) => {
                let detail = format!("{} (U+{:04X})", encoding.name(), half.unpaired_surrogate());
                return Err(Unreadable::at(line_of(text.as_bytes()), Code::WrongEncoding, detail));
            }
        }
    }
    if let [half] = rest {
        let detail = format!("{} ({half:02X} …)", encoding.name());
        return Err(Unreadable::at(line_of(text.as_bytes()), Code::WrongEncoding, detail));
    }
    Ok((encoding, text.into()))
}

fn utf8(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|fault| {
        let offset = fault.valid_up_to();
        let detail = foreign(bytes, offset);
        Unreadable::at(line_of(&bytes[..offset]), Code::WrongEncoding, detail)
    })
}

/// The line that begins or goes on after these bytes.
fn line_of(before: &[u8]) -> u64 {
    let ends = before
        .iter()
        .enumerate()
        .filter(|&(place, &byte)| byte == b'\n' || (byte == b'\r' && before.get(place + 1) != Some(&b'\n')));
    ends.count() as u64 + 1
}

/// What the bytes around the first one that is no UTF-8 probably are, in no language: `Latin-1 (Windows-1252): González
/// (E1)`, or the byte alone.
fn foreign(bytes: &[u8], offset: usize) -> String {
    let belongs = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0x80;
    let before = bytes[..offset].iter().rev().take(20).take_while(|byte| belongs(byte));
    let start = offset - before.count();
    let word = bytes[start..].iter().take(40).take_while(|byte| belongs(byte));
    let word: Vec<u8> = word.copied().collect();
    let letters: String = word.iter().map(|&byte| windows(byte)).collect();
    let strange: Vec<String> = word
        .iter()
        .filter(|byte| **byte >= 0x80)
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let strange = strange.join(" ");
    let is_word = letters.chars().all(char::is_alphabetic);
    let name = match (is_word, (0x80..=0x9F).contains(&bytes[offset])) {
        (true, false) => "Latin-1 (Windows-1252)",
        (true, true) => "Windows-1252",
        (false, _) => return format!("0x{:02X}", bytes[offset]),
    };
    format!("{name}: {letters} ({strange})")
}

/// Whether a text was read in the wrong encoding before it came here: UTF-8 taken for Latin-1 or Windows-1252 shows
/// pairs such as `Ã©`, and what could not be read at all a replacement character.
pub fn is_garbled(text: &str) -> bool {
    let second = |letter: char| {
        let byte = u8::try_from(u32::from(letter)).ok();
        byte.is_some_and(|byte| (0x80..=0xBF).contains(&byte)) || WINDOWS.contains(&letter)
    };
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        if letter == '\u{FFFD}' || (matches!(letter, 'Â' | 'Ã') && next.is_some_and(second)) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(bytes: &[u8]) -> (Option<u64>, String) {
        let fault = decode(bytes).expect_err("no Unicode");
        assert_eq!(fault.flaw.code, Code::WrongEncoding);
        (fault.line, fault.flaw.detail.unwrap_or_default())
    }

    #[test]
    fn other_encodings_are_named_by_line_and_bytes() {
        let told = |line, detail: &str| (line, detail.to_owned());
        assert_eq!(
            named(b"email\r\na@b.org\r\nGonz\xE1lez Pe\xF1a\r\n"),
            told(Some(3), "Latin-1 (Windows-1252): González (E1)")
        );
        assert_eq!(named(b"\x8Akoda"), told(Some(1), "Windows-1252: Škoda (8A)"));
        assert_eq!(
            named(b"a\nb\n1 \xFF\xFF"),
            told(Some(3), "Latin-1 (Windows-1252): ÿÿ (FF FF)")
        );
        assert_eq!(named(b"a\x81b"), told(Some(1), "0x81"));
        assert_eq!(named(b"\xFF\xFE\0\0a\0\0\0"), told(None, "UTF-32"));
        assert_eq!(named(b"e\0m\0a\0i\0l\0"), told(None, "UTF-16 (BOM?)"));
        assert_eq!(named(b"\xFF\xFEa\0\n\0\x00\xD8a\0"), told(Some(2), "UTF-16LE (U+D800)"));
        assert_eq!(named(b"\xFE\xFF\0a\0"), told(Some(1), "UTF-16BE (00 …)"));
    }

    #[test]
    fn letters_that_were_read_wrongly_before_are_seen() {
        for garbled in ["JosÃ©", "MarÃ\u{AD}a", "Ã‰lodie", "PeÃ±a", "NÂº 3", "Jos\u{FFFD}"] {
            assert!(is_garbled(garbled), "{garbled}");
        }
        for plain in ["José", "SÃO PAULO", "Ângela", "João", "Â", "Ñandú", "", "CÂMARA"] {
            assert!(!is_garbled(plain), "{plain}");
        }
    }
}
