//! How the text of a file is written: its encoding, where its lines end, and what separates its fields.

/// What a file that is not in UTF-8 begins with, and what it is.
const FOREIGN: [(&[u8], &str); 4] = [
    (&[0xFF, 0xFE], UTF_16),
    (&[0xFE, 0xFF], UTF_16),
    (b"PK\x03\x04", WORKBOOK),
    (&[0xD0, 0xCF, 0x11, 0xE0], WORKBOOK),
];
const UTF_16: &str = "this is UTF-16, which Excel calls Unicode text; save it as \"CSV UTF-8\"";
const WORKBOOK: &str = "this is a workbook, not CSV; save its sheet as \"CSV UTF-8\"";
/// How far into a file it is looked at.
const LOOKED_AT: usize = 1_024;

/// What is wrong with a file that begins so: nothing where it may be UTF-8.
pub fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let begun = FOREIGN.iter().find(|(begin, _)| bytes.starts_with(begin));
    // No text holds a zero, but every other byte of ASCII in UTF-16 is one.
    let has_zero = || bytes.iter().take(LOOKED_AT).any(|byte| *byte == 0);
    begun
        .map(|(_, rule)| *rule)
        .or_else(|| has_zero().then_some(UTF_16))
}

/// The text without a byte order mark; else the line and what is wrong there.
pub fn decode(bytes: &[u8]) -> Result<&str, (u64, String)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if let Some(rule) = foreign(bytes) {
        return Err((1, rule.to_owned()));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = &bytes[..error.valid_up_to()];
        let byte = bytes.get(valid.len()).copied().unwrap_or_default();
        (Lines::of(valid).at(valid.len()), not_utf_8(byte))
    })
}

/// What is wrong with a byte.
pub fn not_utf_8(byte: u8) -> String {
    format!("byte 0x{byte:02X} is not UTF-8; save the file as \"CSV UTF-8\"")
}

/// Where the lines of a text end.
pub struct Lines(Vec<usize>);

impl Lines {
    /// Lines end with LF, CRLF or CR.
    pub fn of(bytes: &[u8]) -> Self {
        let next = |at: usize| bytes.get(at + 1);
        let is_end =
            |at: usize, byte: u8| byte == b'\n' || (byte == b'\r' && next(at) != Some(&b'\n'));
        let ends = bytes.iter().enumerate();
        let ends = ends.filter(|(at, byte)| is_end(*at, **byte));
        Self(ends.map(|(at, _)| at).collect())
    }

    /// The line, from 1, in which the byte at `offset` stands.
    pub fn at(&self, offset: usize) -> u64 {
        let before = self.0.partition_point(|end| *end < offset);
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// Where the record begins: empty lines before it are not its own.
    pub fn begin(&self, record: &csv::StringRecord, text: &str) -> u64 {
        let start = record.position().map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(0).min(text.len());
        let blank = text.as_bytes()[start..]
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        self.at(start + blank)
    }
}

/// What separates the fields: programs write semicolons where the comma is the decimal sign, and tabs into plain text. The first
/// line that says something tells; `None` where none does.
pub fn delimiter(text: &str) -> Option<u8> {
    let separators = [',', ';', '\t'];
    let says_something =
        |char: char| !char.is_whitespace() && char != '"' && !separators.contains(&char);
    let header = text
        .split(['\n', '\r'])
        .find(|line| line.contains(says_something))?;
    Some(
        match separators.into_iter().find(|it| header.contains(*it)) {
            Some(';') => b';',
            Some('\t') => b'\t',
            _ => b',',
        },
    )
}
