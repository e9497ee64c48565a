//! Papers.

use keruen_proto::registry::v1::{DocumentKind, DocumentRef};

use super::Pairs;
use crate::{client::value, render::word};

/// `kind=…,number=…[,date=DAY][,issuer=CODE][,sha256=HEX]`
pub fn document(text: &str) -> Result<DocumentRef, String> {
    let pairs = Pairs::parse(text, &["kind", "number", "date", "issuer", "sha256"])?;
    Ok(DocumentRef {
        kind: pairs.required("kind", word::number::<DocumentKind>)?,
        number: pairs.required_text("number")?,
        issued_on: pairs.read("date", value::date)?,
        issuer_id: pairs.text("issuer"),
        sha256: pairs.read("sha256", sha256)?,
    })
}

fn sha256(text: &str) -> Result<Vec<u8>, String> {
    let rule = || format!("must be 64 hexadecimal digits; found {text:?}");
    if text.len() != 64 || !text.is_ascii() {
        return Err(rule());
    }
    (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| rule()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_32_bytes() {
        let hex = "0123456789abcdef".repeat(4);
        let document = document(&format!("kind=waybill,number=W-1,sha256={hex}")).unwrap();
        assert_eq!(document.sha256[..4], [0x01, 0x23, 0x45, 0x67]);
        assert!(sha256(&hex[1..]).is_err() && sha256(&hex.replace('0', "g")).is_err());
        assert!(sha256(&"é".repeat(32)).is_err());
    }
}
