//! Pages of a list: a token names the last row of a page and the query that it belongs to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{clauses::Value, refusal::Refusal};

/// Longer tokens were never given out: six codes of 64 characters, escaped and encoded, stay far below.
const MAX_TOKEN_BYTES: usize = 4_096;
/// Rows of a page may take this much; a page is then shorter than asked for. A gRPC message may take 4 MiB.
pub const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

#[derive(Serialize, Deserialize)]
struct Token {
    /// Of the query, without its paging.
    q: u64,
    /// Of the last row, in the order of the list.
    k: Vec<Value>,
}

/// What identifies a query through its pages: `bare` is the request without page size, token and position.
pub fn fingerprint(name: &str, bare: &impl Message) -> u64 {
    let digest = Sha256::new()
        .chain_update(name)
        .chain_update([0])
        .chain_update(bare.encode_to_vec())
        .finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// The token for the page that follows a row.
pub fn token(fingerprint: u64, keys: Vec<Value>) -> String {
    // Numbers and text always have a JSON form.
    let json = serde_json::to_vec(&Token {
        q: fingerprint,
        k: keys,
    })
    .unwrap_or_default();
    URL_SAFE_NO_PAD.encode(json)
}

/// The row that a page follows: as many keys as the list is ordered by, of the same kinds as `shape`; `None` for the
/// first page.
pub fn resume(
    token: &str,
    fingerprint: u64,
    shape: &[Value],
) -> Result<Option<Vec<Value>>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let malformed = || {
        Refusal::field(
            "page_token",
            "is not a token that this service gave out; begin without one",
        )
    };
    if token.len() > MAX_TOKEN_BYTES {
        return Err(malformed());
    }
    let json = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
    let parsed: Token = serde_json::from_slice(&json).map_err(|_| malformed())?;
    if parsed.q != fingerprint {
        return Err(Refusal::field(
            "page_token",
            "belongs to another query; only page_size and min_position may change between pages",
        ));
    }
    let fits = parsed.k.len() == shape.len()
        && parsed
            .k
            .iter()
            .zip(shape)
            .all(|(key, kind)| std::mem::discriminant(key) == std::mem::discriminant(kind));
    if fits {
        Ok(Some(parsed.k))
    } else {
        Err(malformed())
    }
}

#[cfg(test)]
mod tests {
    use keruen_proto::stock::v1::ListStockRequest;

    use super::*;

    #[test]
    fn a_token_fits_its_own_query_only() {
        let query = ListStockRequest {
            region_id: "KZ-75".to_owned(),
            ..ListStockRequest::default()
        };
        let other = ListStockRequest {
            region_id: "KZ-71".to_owned(),
            ..ListStockRequest::default()
        };
        let keys = vec![Value::Text("A".to_owned()), Value::Integer(-7)];
        let token = token(fingerprint("stock", &query), keys.clone());
        assert_eq!(
            resume(&token, fingerprint("stock", &query), &keys).unwrap(),
            Some(keys.clone())
        );
        assert!(resume(&token, fingerprint("stock", &other), &keys).is_err());
        assert!(resume(&token, fingerprint("donations", &query), &keys).is_err());
        assert!(resume(&token, fingerprint("stock", &query), &keys[..1]).is_err());
        for garbage in ["!", "e30", &"A".repeat(MAX_TOKEN_BYTES + 1)] {
            assert!(
                resume(garbage, fingerprint("stock", &query), &keys).is_err(),
                "{garbage}"
            );
        }
    }
}
