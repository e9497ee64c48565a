//! Pages of a list: a token names the last row of a page and the query that it belongs to.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keruen_proto::{
    reports::v1::{
        GetStatementRequest, ListAuditExceptionsRequest, ListExpiringStockRequest,
        ListReordersRequest, ListUnmetNeedsRequest,
    },
    stock::v1::{
        ListAssetsRequest, ListDonationsRequest, ListHeldStockRequest, ListInboxRequest,
        ListLiabilityRequest, ListPlansRequest, ListRecallsRequest, ListRequestsRequest,
        ListShipmentsRequest, ListShortagesRequest, ListStockCountsRequest, ListStockRequest,
        ListTripsRequest, ListUnidentifiedGoodsRequest,
    },
};
use prost::Message;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    clauses::{Clauses, Value},
    database::{Connection, Row},
    failure::StoreError,
    fields::Fields,
    refusal::Refusal,
};

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
fn fingerprint(name: &str, bare: &impl Message) -> u64 {
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
fn resume(token: &str, fingerprint: u64, shape: &[Value]) -> Result<Option<Vec<Value>>, Refusal> {
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
    // Keys are codes, labels and days, none of which has any.
    let is_text =
        |key: &Value| !matches!(key, Value::Text(text) if text.contains(char::is_control));
    let fits = parsed.k.len() == shape.len()
        && parsed.k.iter().all(is_text)
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

/// Rows and the token of the next page.
pub struct Page<T> {
    /// In the order of the list.
    pub rows: Vec<T>,
    /// Empty where this is the last page.
    pub next_page_token: String,
}

/// Where a page begins, how long it is, and what query it belongs to.
pub struct Paging {
    /// Rows of a page.
    pub page_size: usize,
    /// Of the query.
    pub fingerprint: u64,
    /// Keys of the row that it follows.
    pub resume: Option<Vec<Value>>,
}

impl Paging {
    /// Refuses all that is wrong with a request; else where its page begins and how long it is. `name` and the rest of the
    /// request tell the query from others, and `shape` the keys of its order, see [`resume`].
    pub fn parse<R: Paged>(
        mut fields: Fields,
        name: &str,
        request: &R,
        shape: &[Value],
    ) -> Result<Self, Refusal> {
        let (page_size, page_token) = request.asked();
        let page_size = fields.page_size(page_size, R::USUAL_ROWS, R::MAX_ROWS);
        fields.finish()?;
        let fingerprint = fingerprint(name, &request.bare());
        let resume = resume(page_token, fingerprint, shape)?;
        Ok(Self {
            page_size,
            fingerprint,
            resume,
        })
    }

    /// One row more than asked for tells whether there is a next page.
    pub fn limit(&self, clauses: &mut Clauses) -> String {
        clauses.parameter(i64::try_from(self.page_size + 1).unwrap_or(i64::MAX))
    }

    /// Runs a query whose columns from `first_key` on are the `keys` keys of its order.
    pub fn page<T>(
        &self,
        connection: &Connection,
        sql: &str,
        clauses: &Clauses,
        (first_key, keys): (usize, usize),
        mut read: impl FnMut(&Row<'_>) -> Result<(T, usize), Refusal>,
    ) -> Result<Page<T>, Refusal> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(&clauses.values())?;
        let mut page = Page {
            rows: Vec::new(),
            next_page_token: String::new(),
        };
        let mut last: Vec<Value> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let (read, size) = read(&row)?;
            bytes += size;
            // The first row always fits: a resource is smaller than a page.
            if page.rows.len() == self.page_size
                || (bytes > MAX_PAGE_BYTES && !page.rows.is_empty())
            {
                page.next_page_token = token(self.fingerprint, last);
                break;
            }
            last = (0..keys)
                .map(|key| row.get(first_key + key))
                .collect::<Result<_, StoreError>>()?;
            page.rows.push(read);
        }
        Ok(page)
    }
}

/// A resource in a column, and how long it is.
pub fn sized<M: Message + Default>(row: &Row<'_>, column: usize) -> Result<(M, usize), Refusal> {
    let bytes: Vec<u8> = row.get(column)?;
    Ok((M::decode(bytes.as_slice())?, bytes.len()))
}

/// A request for a page of a list.
pub trait Paged: Message + Sized {
    /// Rows of a page where nobody says how many.
    const USUAL_ROWS: usize = 100;
    /// Rows of the longest page.
    const MAX_ROWS: usize = 1_000;

    /// How many rows, and the token of the page before.
    fn asked(&self) -> (i32, &str);

    /// The same without what may change between pages.
    fn bare(&self) -> Self;
}

macro_rules! paged {
    ($($request:ident $({ $($rows:item)* })?),* $(,)?) => {$(
        impl Paged for $request {
            $($($rows)*)?

            fn asked(&self) -> (i32, &str) {
                (self.page_size, &self.page_token)
            }

            fn bare(&self) -> Self {
                Self {
                    page_size: 0,
                    page_token: String::new(),
                    min_position: 0,
                    ..self.clone()
                }
            }
        }
    )*};
}

paged! {
    ListAssetsRequest,
    ListAuditExceptionsRequest,
    ListDonationsRequest,
    ListExpiringStockRequest,
    ListHeldStockRequest,
    ListInboxRequest,
    ListLiabilityRequest,
    ListPlansRequest,
    ListRecallsRequest,
    ListReordersRequest,
    ListRequestsRequest,
    ListShipmentsRequest,
    ListShortagesRequest,
    ListStockCountsRequest,
    ListStockRequest {
        const USUAL_ROWS: usize = 1_000;
        const MAX_ROWS: usize = 10_000;
    },
    ListTripsRequest,
    ListUnidentifiedGoodsRequest,
    ListUnmetNeedsRequest,
}

impl Paged for GetStatementRequest {
    fn asked(&self) -> (i32, &str) {
        (self.page_size, &self.page_token)
    }

    /// The first page answers with the position that the next ones are asked for.
    fn bare(&self) -> Self {
        Self {
            page_size: 0,
            page_token: String::new(),
            at_position: 0,
            ..self.clone()
        }
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
        let unstorable = [Value::Text("A\0".to_owned()), Value::Integer(-7)];
        let unstorable = super::token(fingerprint("stock", &query), unstorable.to_vec());
        for garbage in [&unstorable, "!", "e30", &"A".repeat(MAX_TOKEN_BYTES + 1)] {
            assert!(
                resume(garbage, fingerprint("stock", &query), &keys).is_err(),
                "{garbage}"
            );
        }
    }
}
