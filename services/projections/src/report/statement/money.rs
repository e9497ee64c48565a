//! Donated money: what was promised, what it was spent on and what is left, as was known at a position.

use std::{collections::BTreeMap, sync::Arc};

use keruen_log::{Log, Range};
use keruen_proto::{
    Event, EventType,
    inventory::v1::{
        DonatedMoneySpendingVoided, DonatedMoneySpent, Donation, DonationPledged, MoneyPurpose,
    },
    log::v1::{QueryItem, RecordedEvent},
    registry::v1::Money,
    reports::v1::StatementFigure as Figure,
};

use super::figures::{AsOf, Sums};
use crate::{
    clauses::Clauses, database::Connection, paging::sized, refusal::Refusal,
    report::recorded::events,
};

/// Donations whose money is looked up at once: the log takes a query of so many terms.
const CHUNK: usize = 500;

/// Money that was promised or spent.
pub struct Movement {
    donation_id: String,
    position: u64,
    occurred_at_us: i64,
    /// What it was spent on, as its enum names it; `None` where it was promised.
    purpose: Option<&'static str>,
    money: Money,
    /// Position at which it was said not to have been spent.
    voided_at: Option<u64>,
}

/// The donations of a donor of which money was promised; no more than a limit.
pub fn donations(
    connection: &Connection,
    donor_id: &str,
    donation_id: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Refusal> {
    let mut clauses = Clauses::default();
    clauses.equal("donor_id", Some(donor_id));
    clauses.equal("donation_id", donation_id);
    let sql = format!(
        "SELECT resource FROM donations{} ORDER BY donation_id",
        clauses.where_clause()
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(&clauses.values())?;
    let mut ids = Vec::new();
    while let Some(row) = found.next()? {
        let (donation, _) = sized::<Donation>(&row, 0)?;
        if donation.money.is_some() {
            ids.push(donation.donation_id);
        }
        if ids.len() > limit {
            return Err(Refusal::StatementTooLarge);
        }
    }
    Ok(ids)
}

/// What was promised and spent of donations, as far as was known at a position.
pub async fn movements(
    log: &Arc<dyn Log>,
    donation_ids: &[String],
    position: u64,
) -> Result<Vec<Movement>, Refusal> {
    let types = [
        DonationPledged::TYPE,
        DonatedMoneySpent::TYPE,
        DonatedMoneySpendingVoided::TYPE,
    ];
    let mut movements = BTreeMap::new();
    for chunk in donation_ids.chunks(CHUNK) {
        let items = chunk.iter().map(|id| QueryItem {
            types: types.map(str::to_owned).to_vec(),
            tags: vec![format!("donation:{id}")],
        });
        let range = Range::after(0).up_to(position);
        events(log, items.collect(), range, |recorded| {
            take(&mut movements, recorded);
        })
        .await?;
    }
    Ok(movements.into_values().collect())
}

fn take(movements: &mut BTreeMap<String, Movement>, recorded: &RecordedEvent) {
    // What can't be decoded parks the views, long before anybody is answered.
    let Ok(event) = Event::decode(&recorded.r#type, &recorded.data) else {
        return;
    };
    let (donation_id, money, purpose) = match event {
        Event::DonationPledged(it) => (it.donation_id, it.money, None),
        Event::DonatedMoneySpent(it) => {
            // Where it is not said, it was goods.
            let purpose = match it.purpose {
                None => MoneyPurpose::Goods,
                Some(_) => it.purpose(),
            };
            (it.donation_id, it.amount, Some(purpose.as_str_name()))
        }
        Event::DonatedMoneySpendingVoided(it) => {
            if let Some(spent) = movements.get_mut(&it.corrects_event_id) {
                spent.voided_at = Some(recorded.position);
            }
            return;
        }
        _ => return,
    };
    let Some(money) = money else { return };
    let happened_at = recorded.occurred_at.as_ref();
    let movement = Movement {
        donation_id,
        position: recorded.position,
        occurred_at_us: happened_at.map_or(recorded.recorded_at_us, |at| at.time_us),
        purpose,
        money,
        voided_at: None,
    };
    movements.insert(recorded.event_id.clone(), movement);
}

/// Adds what was known of them, of a period that begins at a time.
pub fn add(sums: &mut Sums, movements: &[Movement], as_of: AsOf, begin_us: i64) {
    let is_known = |it: &&Movement| {
        let is_void = it.voided_at.is_some_and(|at| at <= as_of.position);
        it.position <= as_of.position && it.occurred_at_us < as_of.end_us && !is_void
    };
    for movement in movements.iter().filter(is_known) {
        let amount = movement.money.minor_units;
        let (figure, cause, change) = match movement.purpose {
            None => (Figure::MoneyPledged, "", amount),
            Some(purpose) => (Figure::MoneySpent, purpose, -amount),
        };
        let mut add = |figure: Figure, cause: &str, minor_units: i64| {
            let key = (
                movement.donation_id.clone(),
                String::new(),
                figure.into(),
                cause.to_owned(),
                movement.money.currency_code.clone(),
            );
            let sum = sums.entry(key).or_default();
            sum.1 = sum.1.saturating_add(minor_units);
        };
        if movement.occurred_at_us < begin_us {
            add(Figure::MoneyOpening, "", change);
        } else {
            add(figure, cause, amount);
        }
        add(Figure::MoneyLeft, "", change);
    }
    sums.retain(|_, sum| *sum != (0, 0));
}
