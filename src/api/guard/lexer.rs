//! The first look at a document: one pass over its bytes, before any parser.
//!
//! It counts what can be counted without knowing the grammar, and refuses what would make the parser
//! recurse or run long: tokens, nesting, aliases, directives. It is never less strict than the parser about
//! where a text begins and ends, so nothing can hide in what looks like one.

use super::refusal::{Limit, Refusal};
use crate::config::Limits;

/// How often inline fragments may nest for each level of fields.
const BRACES_PER_LEVEL: usize = 3;

/// What the pass has counted so far.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    limits: &'a Limits,
    tokens: usize,
    aliases: usize,
    directives: usize,
    /// Every bracket that is open, outermost first; as long as the limits allow, no longer.
    open: Vec<u8>,
    /// How many of them are parentheses.
    parentheses: usize,
}

/// Refuses a document that is too long, has too many tokens, aliases or directives, or nests too deep.
pub fn scan(document: &str, limits: &Limits) -> Result<(), Refusal> {
    if document.len() > limits.document_bytes {
        return Err(Refusal::over(Limit::DocumentBytes, limits.document_bytes));
    }
    let mut scan = Scan {
        bytes: document.as_bytes(),
        at: 0,
        limits,
        tokens: 0,
        aliases: 0,
        directives: 0,
        open: Vec::new(),
        parentheses: 0,
    };
    while let Some(byte) = scan.peek(0) {
        scan.token(byte)?;
    }
    Ok(())
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn starts_with(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    /// Goes on as long as the bytes are wanted.
    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn token(&mut self, byte: u8) -> Result<(), Refusal> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                self.at += 1;
                return Ok(());
            }
            b'#' => {
                self.skip(|byte| byte != b'\n' && byte != b'\r');
                return Ok(());
            }
            0xEF if self.starts_with("\u{feff}") => {
                self.at += 3;
                return Ok(());
            }
            b'"' => self.text()?,
            b'.' if self.starts_with("...") => self.at += 3,
            b'{' | b'[' | b'(' => self.opens(byte)?,
            b'}' | b']' | b')' => self.closes(byte)?,
            b'!' | b'$' | b'&' | b'=' | b'|' => self.at += 1,
            b':' => {
                self.at += 1;
                // Inside parentheses a colon belongs to an argument or a variable.
                if self.parentheses == 0 {
                    self.aliases += 1;
                }
            }
            b'@' => {
                self.at += 1;
                self.directives += 1;
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => self.skip(|byte| byte == b'_' || byte.is_ascii_alphanumeric()),
            b'-' | b'0'..=b'9' => self.number(),
            _ => return Err(self.unreadable()),
        }
        self.tokens += 1;
        let limits = self.limits;
        over(self.tokens, Limit::Tokens, limits.tokens)?;
        over(self.aliases, Limit::Aliases, limits.aliases)?;
        over(self.directives, Limit::Directives, limits.directives)
    }

    fn number(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            let exponent = matches!(self.bytes[self.at - 1], b'e' | b'E');
            match byte {
                b'0'..=b'9' | b'.' | b'e' | b'E' => self.at += 1,
                b'+' | b'-' if exponent => self.at += 1,
                _ => return,
            }
        }
    }

    /// A text, or a block of text; one that does not end is refused here.
    fn text(&mut self) -> Result<(), Refusal> {
        let begin = self.at;
        if self.starts_with("\"\"\"") {
            self.at += 3;
            while self.at < self.bytes.len() {
                if self.starts_with("\\\"\"\"") {
                    self.at += 4;
                } else if self.starts_with("\"\"\"") {
                    self.at += 3;
                    return Ok(());
                } else {
                    self.at += 1;
                }
            }
        } else {
            self.at += 1;
            while let Some(byte) = self.peek(0) {
                match byte {
                    b'"' => {
                        self.at += 1;
                        return Ok(());
                    }
                    b'\\' => self.escape()?,
                    b'\n' | b'\r' => break,
                    _ => self.at += 1,
                }
            }
        }
        self.at = begin;
        Err(self.unreadable())
    }

    /// An escape in a text. Half a character, as JSON writes those beyond the first 65,536, is refused: the parser
    /// would panic.
    fn escape(&mut self) -> Result<(), Refusal> {
        let is_surrogate = matches!(self.peek(2), Some(b'd' | b'D'))
            && matches!(self.peek(3), Some(b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'));
        if self.peek(1) == Some(b'u') && is_surrogate {
            return Err(self.unreadable());
        }
        self.at += 2;
        Ok(())
    }

    fn opens(&mut self, bracket: u8) -> Result<(), Refusal> {
        self.at += 1;
        self.open.push(bracket);
        if bracket == b'(' {
            self.parentheses += 1;
        }
        if self.parentheses == 0 {
            if self.open.len() > self.limits.depth.max(self.limits.introspection_depth) * BRACES_PER_LEVEL {
                return Err(Refusal::over(Limit::Depth, self.limits.depth));
            }
        } else {
            let first = self.open.iter().position(|open| *open == b'(').unwrap_or_default();
            over(self.open.len() - first - 1, Limit::InputDepth, self.limits.input_depth)?;
        }
        Ok(())
    }

    fn closes(&mut self, bracket: u8) -> Result<(), Refusal> {
        let opened = match bracket {
            b'}' => b'{',
            b']' => b'[',
            _ => b'(',
        };
        if self.open.pop() != Some(opened) {
            return Err(self.unreadable());
        }
        if opened == b'(' {
            self.parentheses -= 1;
        }
        self.at += 1;
        Ok(())
    }

    /// The refusal of what stands here, with its line and column and nothing of its text.
    fn unreadable(&self) -> Refusal {
        let mut lines = self.bytes[..self.at].split(|byte| *byte == b'\n');
        let column = lines.next_back().map_or(0, <[u8]>::len) + 1;
        Refusal::Syntax(format!("{}:{column}", lines.count() + 1))
    }
}

fn over(count: usize, limit: Limit, most: usize) -> Result<(), Refusal> {
    if count > most {
        return Err(Refusal::over(limit, most));
    }
    Ok(())
}
