//! What donors promised and gave: balances over all donations, and what a certificate of one says.

use std::collections::BTreeMap;

use keruen_domain::Rejection;
use keruen_proto::{
    inventory::v1::{Batch, Donation, DonationState},
    registry::v1::Money,
    stock::v1::{
        CertifiedGoods, DonationCertificate, DonorBalance, GetDonationCertificateRequest,
        GetDonorBalanceRequest, GoodsBalance, MoneyBalance, TraceStep,
    },
};
use prost::Message;

use crate::{
    database::{Connection, params},
    failure::StoreError,
    fields::Fields,
    names::{self, Facilities},
    refusal::Refusal,
    trace,
};

/// A question for a donor's balance, parsed.
pub struct BalanceQuery {
    donor_id: String,
}

impl BalanceQuery {
    /// Parses a request.
    pub fn parse(request: &GetDonorBalanceRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let donor_id = fields.code("donor_id", &request.donor_id);
        fields.finish()?;
        let donor_id = donor_id.ok_or_else(|| Refusal::field("donor_id", "is malformed"))?;
        Ok(Self { donor_id })
    }

    /// Adds up all donations of the donor, as verified on `today`, ISO 8601.
    pub fn answer(self, connection: &Connection, today: &str) -> Result<DonorBalance, Refusal> {
        names::known_organisation(connection, Some(&self.donor_id))?;
        let mut statement =
            connection.prepare_cached("SELECT resource FROM donations WHERE donor_id = ?1")?;
        let mut rows = statement.query(params![self.donor_id])?;
        let mut sums = Sums::default();
        while let Some(row) = rows.next()? {
            sums.add(&Donation::decode(row.get::<Vec<u8>>(0)?.as_slice())?);
        }
        let (donor_name, donor_verification) =
            names::verified_organisation(connection, &self.donor_id, today)?;
        Ok(DonorBalance {
            donor_name,
            donor_verification,
            donor_id: self.donor_id,
            donations: sums.donations,
            open_donations: sums.open,
            goods: sums.goods.into_values().collect(),
            money: sums.money.into_values().collect(),
        })
    }
}

#[derive(Default)]
struct Sums {
    donations: i64,
    open: i64,
    /// By commodity and item.
    goods: BTreeMap<(String, String), GoodsBalance>,
    /// By currency.
    money: BTreeMap<String, MoneyBalance>,
}

impl Sums {
    fn add(&mut self, donation: &Donation) {
        let is_open = donation.state() != DonationState::Closed;
        self.donations += 1;
        self.open += i64::from(is_open);
        for line in &donation.lines {
            let key = (line.commodity_id.clone(), line.item_id.clone());
            let sum = self.goods.entry(key).or_insert_with(|| GoodsBalance {
                commodity_id: line.commodity_id.clone(),
                item_id: line.item_id.clone(),
                ..GoodsBalance::default()
            });
            let missing = (line.quantity - line.received).max(0);
            sum.pledged = sum.pledged.saturating_add(line.quantity);
            sum.received = sum.received.saturating_add(line.received);
            sum.outstanding = sum.outstanding.saturating_add(line.outstanding);
            sum.short = sum.short.saturating_add(missing - line.outstanding);
        }
        let Some(money) = &donation.money else {
            return;
        };
        let sum = self.money.entry(money.currency_code.clone()).or_default();
        for (sum, more) in [
            (&mut sum.pledged, &donation.money),
            (&mut sum.spent, &donation.money_spent),
            (&mut sum.committed, &donation.money_committed),
            (&mut sum.available, &donation.money_available),
        ] {
            let more = more.as_ref().map_or(0, |more| more.minor_units);
            let sum = sum.get_or_insert_with(|| Money {
                currency_code: money.currency_code.clone(),
                minor_units: 0,
            });
            sum.minor_units = sum.minor_units.saturating_add(more);
        }
    }
}

/// A question for a certificate, parsed.
pub struct CertificateQuery {
    donation_id: String,
}

impl CertificateQuery {
    /// Parses a request.
    pub fn parse(request: &GetDonationCertificateRequest) -> Result<Self, Refusal> {
        let mut fields = Fields::default();
        let donation_id = fields.code("donation_id", &request.donation_id);
        fields.finish()?;
        let donation_id =
            donation_id.ok_or_else(|| Refusal::field("donation_id", "is malformed"))?;
        Ok(Self { donation_id })
    }

    /// Says what was given, with the names of `today`, ISO 8601.
    pub fn answer(
        self,
        connection: &Connection,
        today: &str,
    ) -> Result<DonationCertificate, Refusal> {
        let Some(donation) = trace::donation(connection, &self.donation_id)? else {
            return Err(Rejection::UnknownDonation {
                donation_id: self.donation_id,
            }
            .into());
        };
        let mut facilities = Facilities::new(connection, today);
        let mut statement = connection.prepare_cached(
            "SELECT resource, created_position FROM batches WHERE donation_id = ?1 \
             ORDER BY created_position, batch_id",
        )?;
        let mut rows = statement.query(params![self.donation_id])?;
        let mut goods = Vec::new();
        let mut value: BTreeMap<String, i64> = BTreeMap::new();
        let mut bytes = donation.encoded_len();
        while let Some(row) = rows.next()? {
            let batch = Batch::decode(row.get::<Vec<u8>>(0)?.as_slice())?;
            let facility_name = facilities.get(&batch.received_at_facility_id)?.name;
            let certified = CertifiedGoods {
                facility_name,
                ..certified(connection, batch, row.get(1)?)?
            };
            if let Some(amount) = &certified.value {
                let sum = value.entry(amount.currency_code.clone()).or_default();
                *sum = sum.saturating_add(amount.minor_units);
            }
            bytes += certified.encoded_len();
            trace::check_size(bytes)?;
            goods.push(certified);
        }
        let money = |(currency_code, minor_units)| Money {
            currency_code,
            minor_units,
        };
        let verified = |id| names::verified_organisation(connection, id, today);
        let (donor_name, donor_verification) = verified(&donation.donor_id)?;
        let (recipient_name, recipient_verification) = verified(&donation.recipient_id)?;
        Ok(DonationCertificate {
            donor_name,
            donor_verification,
            recipient_name,
            recipient_verification,
            donation: Some(donation),
            goods,
            value: value.into_iter().map(money).collect(),
        })
    }
}

fn certified(
    connection: &Connection,
    batch: Batch,
    position: i64,
) -> Result<CertifiedGoods, StoreError> {
    let first: Option<Vec<u8>> = connection
        .prepare_cached(
            "SELECT step FROM steps WHERE batch_id = ?1 AND position = ?2 ORDER BY step_no LIMIT 1",
        )?
        .query_row(params![batch.batch_id, position], |row| row.get(0))?;
    let step = first.map(|step| TraceStep::decode(step.as_slice()));
    let step = step.transpose()?.unwrap_or_default();
    let amount = batch.unit_value.as_ref();
    let amount = amount.and_then(|value| value.amount.as_ref());
    // More than 64 bits hold is no value that anybody declared.
    let value = amount.and_then(|amount| {
        Some(Money {
            minor_units: amount.minor_units.checked_mul(batch.quantity)?,
            ..amount.clone()
        })
    });
    Ok(CertifiedGoods {
        item_name: names::item(connection, &batch.item_id)?,
        facility_name: None,
        outcome: step.outcome,
        received_at: step.occurred_at,
        value,
        receipt_position: position.cast_unsigned(),
        receipt_event_id: step.event_id,
        batch: Some(batch),
    })
}
