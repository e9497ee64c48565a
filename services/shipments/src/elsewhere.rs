//! Whom to ask next: who else has what a store has too little of.

use std::{sync::Arc, time::Duration};

use keruen_domain::calendar::kazakhstan_day;
use keruen_proto::stock::v1::{
    ListStockRequest, StockGroup, StockRow, stock_service_server::StockService,
};
use tonic::{Request, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The refusal that others can help with.
const TOO_LITTLE: &str = "INSUFFICIENT_STOCK";
/// Who has most is named first, and no more than so many.
const NAMED: usize = 5;
/// A refusal waits no longer for a hint.
const PATIENCE: Duration = Duration::from_secs(2);
/// Facilities that are looked at.
const LOOKED_AT: i32 = 10_000;

/// Questions about stock, where somebody answers them.
pub type Stock = Option<Arc<dyn StockService>>;

/// The refusal of an allocation; where a store has too little, with who else has some: in its message, and for programs as
/// `available_elsewhere`, in the form `FACILITY=UNITS` separated by commas.
pub async fn with_others(stock: &Stock, now_us: i64, refusal: Status) -> Status {
    let details = refusal.get_error_details();
    let (Some(stock), Some(info)) = (stock, details.error_info()) else {
        return refusal;
    };
    if info.reason != TOO_LITTLE {
        return refusal;
    }
    let [facility_id, item_id] =
        ["facility_id", "item_id"].map(|key| info.metadata.get(key).cloned().unwrap_or_default());
    let question = ListStockRequest {
        group_by: vec![StockGroup::Facility.into()],
        item_id,
        expires_from: kazakhstan_day(now_us).to_string(),
        page_size: LOOKED_AT,
        ..ListStockRequest::default()
    };
    let asked = tokio::time::timeout(PATIENCE, stock.list_stock(Request::new(question))).await;
    let rows = match asked {
        Ok(Ok(answer)) => answer.into_inner().rows,
        Ok(Err(error)) => {
            tracing::debug!(%error, "nobody can tell who else has some");
            return refusal;
        }
        Err(_) => return refusal,
    };
    named(&refusal, details, &others(rows, &facility_id))
}

/// Who else has some to give, most first.
fn others(mut rows: Vec<StockRow>, facility_id: &str) -> Vec<StockRow> {
    rows.retain(|row| row.facility_id != facility_id && row.available > 0);
    rows.sort_by(|one, other| {
        let by_quantity = other.available.cmp(&one.available);
        by_quantity.then_with(|| one.facility_id.cmp(&other.facility_id))
    });
    rows.truncate(NAMED);
    rows
}

fn named(refusal: &Status, mut details: ErrorDetails, others: &[StockRow]) -> Status {
    let told = |sign: &str| {
        let each = others
            .iter()
            .map(|row| format!("{}{sign}{}", row.facility_id, row.available));
        each.collect::<Vec<_>>()
    };
    let advice = match &told(" has ")[..] {
        [] => "nobody else has any available".to_owned(),
        some => format!("ask elsewhere: {}", some.join(", ")),
    };
    if let Some(mut info) = details.error_info().cloned() {
        let programs = told("=").join(",");
        info.metadata
            .insert("available_elsewhere".to_owned(), programs);
        details.set_error_info(info.reason, info.domain, info.metadata);
    }
    let message = format!("{}; {advice}", refusal.message());
    Status::with_error_details_and_metadata(
        refusal.code(),
        message,
        details,
        refusal.metadata().clone(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(facility_id: &str, available: i64) -> StockRow {
        StockRow {
            facility_id: facility_id.to_owned(),
            available,
            ..StockRow::default()
        }
    }

    #[test]
    fn who_has_most_is_named_first_and_nobody_who_has_none() {
        let mut rows: Vec<_> = (1..10).map(|many| row(&format!("F{many}"), many)).collect();
        rows.extend([row("NONE", 0), row("SAME", 99), row("ALSO", 9)]);
        let named: Vec<_> = others(rows, "SAME")
            .into_iter()
            .map(|row| row.facility_id)
            .collect();
        assert_eq!(named, ["ALSO", "F9", "F8", "F7", "F6"]);
    }

    #[tokio::test]
    async fn other_refusals_stay_as_they_are() {
        let refusal = Status::not_found("there is no such thing");
        let told = with_others(&None, 0, refusal).await;
        assert_eq!(told.message(), "there is no such thing");
    }
}
