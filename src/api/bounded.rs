//! Answers as text, of which no more is written than may be sent or kept.

use std::io::{self, Write};

use serde::Serialize;

/// Bytes that take no more than so many.
struct Bounded {
    bytes: Vec<u8>,
    left: usize,
}

impl Write for Bounded {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(part.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A value as JSON; `None` when that has more bytes than `most`, or there is none of it. Writing ends where there are so
/// many: what is too large to be sent is not held a second time in full.
pub fn json(value: &impl Serialize, most: usize) -> Option<Vec<u8>> {
    let mut text = Bounded {
        bytes: Vec::new(),
        left: most,
    };
    serde_json::to_writer(&mut text, value).ok()?;
    Some(text.bytes)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use serde::ser::{SerializeSeq as _, Serializer};

    use super::*;

    /// A list of a million words that counts how many of them were written.
    #[derive(Default)]
    struct Long(Cell<usize>);

    impl Serialize for Long {
        fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
            let mut list = into.serialize_seq(None)?;
            for _ in 0..1_000_000 {
                list.serialize_element("word")?;
                self.0.set(self.0.get() + 1);
            }
            list.end()
        }
    }

    #[test]
    fn what_fits_to_the_byte_is_written() {
        assert_eq!(json(&["word"], 8).as_deref(), Some(&br#"["word"]"#[..]));
        assert_eq!(json(&["word"], 7), None);
    }

    #[test]
    fn nothing_is_written_beyond_what_fits() {
        let long = Long::default();
        assert_eq!(json(&long, 70), None);
        assert_eq!(long.0.get(), 10);
    }
}
