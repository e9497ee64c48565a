//! Donations, what donors gave altogether, and certificates.

use keruen_proto::{
    inventory::v1::{
        Consignment, ConsignmentState, ConsumptionPurpose, Donation, DonationCondition,
        DonationState, Earmark, MoneyCommitment, MoneyPurpose, PledgeLine, ReceiptOutcome,
        RefusalReason, ShortfallReason,
    },
    registry::v1::Verification,
    stock::v1::{CertifiedGoods, DonationCertificate, DonorBalance, GoodsBalance, MoneyBalance},
};

use crate::{
    cells,
    render::{
        record::{Cell, Part, Record, documents, name, unit_value},
        registry::verifications,
        word,
    },
};

/// What a pledge line is about.
pub fn goods(line: &PledgeLine) -> &str {
    if line.item_id.is_empty() {
        &line.commodity_id
    } else {
        &line.item_id
    }
}

impl Record for Donation {
    const COLUMNS: &'static [&'static str] = &[
        "donation_id",
        "state",
        "donor_id",
        "recipient_id",
        "goods",
        "pledged",
        "received",
        "money",
        "money_spent",
        "expected_on",
        "anonymous",
        "batches",
        "outstanding",
        "shortfall_reason",
        "money_committed",
        "money_available",
    ];
    const MONEY: &'static [&'static str] =
        &["money", "money_spent", "money_committed", "money_available"];

    fn cells(&self) -> Vec<Cell> {
        let goods: Vec<String> = self
            .lines
            .iter()
            .map(|line| goods(line).to_owned())
            .collect();
        let quantities = |quantity: fn(&PledgeLine) -> i64| match &self.lines[..] {
            [line] => Cell::Number(quantity(line)),
            lines => Cell::Numbers(lines.iter().map(quantity).collect()),
        };
        cells![
            &self.donation_id,
            word::field::<DonationState>(self.state),
            &self.donor_id,
            &self.recipient_id,
            goods,
            quantities(|line| line.quantity),
            quantities(|line| line.received),
            self.money.as_ref(),
            self.money_spent.as_ref(),
            &self.expected_on,
            if self.anonymous { "yes" } else { "" },
            self.batch_ids.len().to_string(),
            quantities(|line| line.outstanding),
            word::field::<ShortfallReason>(self.shortfall_reason.unwrap_or_default()),
            self.money_committed.as_ref(),
            self.money_available.as_ref()
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let lines = self
            .lines
            .iter()
            .map(|line| {
                cells![
                    line.line,
                    &line.commodity_id,
                    &line.item_id,
                    line.quantity,
                    line.received,
                    line.outstanding
                ]
            })
            .collect();
        vec![
            Part {
                title: "lines",
                columns: &[
                    "line",
                    "commodity_id",
                    "item_id",
                    "pledged",
                    "received",
                    "outstanding",
                ],
                rows: lines,
            },
            Part {
                title: "conditions",
                columns: &["condition"],
                rows: self
                    .conditions
                    .iter()
                    .map(|condition| cells![word::field::<DonationCondition>(*condition)])
                    .collect(),
            },
            Part {
                title: "earmarks",
                columns: &["item_id", "region_id", "facility_id", "purpose"],
                rows: self.earmarks.iter().map(earmark).collect(),
            },
            Part {
                title: "commitments",
                columns: &["commitment", "amount", "open", "purpose", "supplier_id"],
                rows: self.commitments.iter().map(commitment).collect(),
            },
            Part {
                title: "consignments",
                columns: &[
                    "consignment_id",
                    "state",
                    "expected_on",
                    "refusal_reason",
                    "documents",
                    "batches",
                ],
                rows: self.consignments.iter().map(consignment).collect(),
            },
            Part {
                title: "batches",
                columns: &["batch_id"],
                rows: self
                    .batch_ids
                    .iter()
                    .map(|batch_id| cells![batch_id])
                    .collect(),
            },
            documents(&self.documents),
        ]
    }
}

fn earmark(earmark: &Earmark) -> Vec<Cell> {
    cells![
        &earmark.item_id,
        &earmark.region_id,
        &earmark.facility_id,
        word::field::<ConsumptionPurpose>(earmark.purpose.unwrap_or_default())
    ]
}

fn commitment(commitment: &MoneyCommitment) -> Vec<Cell> {
    cells![
        commitment.commitment.to_string(),
        commitment.amount.as_ref(),
        commitment.open.as_ref(),
        word::field::<MoneyPurpose>(commitment.purpose),
        &commitment.supplier_id
    ]
}

fn consignment(consignment: &Consignment) -> Vec<Cell> {
    let documents = consignment.documents.iter();
    cells![
        &consignment.consignment_id,
        word::field::<ConsignmentState>(consignment.state),
        &consignment.expected_on,
        word::field::<RefusalReason>(consignment.refusal_reason.unwrap_or_default()),
        documents
            .map(|document| document.number.clone())
            .collect::<Vec<_>>(),
        &consignment.batch_ids[..]
    ]
}

impl Record for DonorBalance {
    const COLUMNS: &'static [&'static str] = &["donor_id", "donor_name", "donations", "open"];
    /// A row tells either how many donations there are, or about goods, or about money, so that columns can be added up.
    const SHEET: &'static [&'static str] = &[
        "donor_id",
        "donor_name",
        "donations",
        "open",
        "commodity_id",
        "item_id",
        "pledged",
        "received",
        "outstanding",
        "short",
        "money_pledged",
        "money_spent",
        "money_committed",
        "money_available",
    ];
    const MONEY: &'static [&'static str] = &[
        "money_pledged",
        "money_spent",
        "money_committed",
        "money_available",
    ];

    fn cells(&self) -> Vec<Cell> {
        let name = self.donor_name.as_ref();
        cells![
            &self.donor_id,
            name.map(|name| name.en.clone()).unwrap_or_default(),
            self.donations,
            self.open_donations
        ]
    }

    fn sheet(&self) -> Vec<Vec<Cell>> {
        let row = |from: usize, told: Vec<Cell>| {
            let donor = cells![&self.donor_id, name(self.donor_name.as_ref())];
            let mut row = vec![Cell::from(""); Self::SHEET.len()];
            for (cell, told) in row.iter_mut().zip(donor) {
                *cell = told;
            }
            for (cell, told) in row.iter_mut().skip(from).zip(told) {
                *cell = told;
            }
            row
        };
        let donations = row(2, cells![self.donations, self.open_donations]);
        let goods = self.goods.iter().map(|it| row(4, goods_balance(it)));
        let money = self.money.iter().map(|it| row(10, money_balance(it)));
        [donations].into_iter().chain(goods).chain(money).collect()
    }

    fn parts(&self) -> Vec<Part> {
        vec![
            verification("donor's verification", self.donor_verification.as_ref()),
            Part {
                title: "goods",
                columns: &[
                    "commodity_id",
                    "item_id",
                    "pledged",
                    "received",
                    "outstanding",
                    "short",
                ],
                rows: self.goods.iter().map(goods_balance).collect(),
            },
            Part {
                title: "money",
                columns: &["pledged", "spent", "committed", "available"],
                rows: self.money.iter().map(money_balance).collect(),
            },
        ]
    }
}

fn goods_balance(goods: &GoodsBalance) -> Vec<Cell> {
    cells![
        &goods.commodity_id,
        &goods.item_id,
        goods.pledged,
        goods.received,
        goods.outstanding,
        goods.short
    ]
}

fn money_balance(money: &MoneyBalance) -> Vec<Cell> {
    cells![
        money.pledged.as_ref(),
        money.spent.as_ref(),
        money.committed.as_ref(),
        money.available.as_ref()
    ]
}

impl Record for DonationCertificate {
    const COLUMNS: &'static [&'static str] = &[
        "donation_id",
        "donor_name",
        "recipient_name",
        "state",
        "value",
        "money",
        "money_spent",
    ];
    const MONEY: &'static [&'static str] = &["value", "money", "money_spent"];

    fn cells(&self) -> Vec<Cell> {
        let donation = self.donation.clone().unwrap_or_default();
        let name = |name: &Option<keruen_proto::registry::v1::LocalizedText>| {
            name.as_ref()
                .map(|name| name.en.clone())
                .unwrap_or_default()
        };
        cells![
            &donation.donation_id,
            name(&self.donor_name),
            name(&self.recipient_name),
            word::field::<DonationState>(donation.state),
            self.value.clone(),
            donation.money.as_ref(),
            donation.money_spent.as_ref()
        ]
    }

    fn parts(&self) -> Vec<Part> {
        let given = self.donation.iter();
        vec![
            verification("donor's verification", self.donor_verification.as_ref()),
            verification(
                "recipient's verification",
                self.recipient_verification.as_ref(),
            ),
            Part {
                title: "goods",
                columns: &[
                    "item_id",
                    "batch_id",
                    "lot",
                    "expires_on",
                    "quantity",
                    "outcome",
                    "unit_value",
                    "value",
                    "received_at_facility_id",
                    "receipt_position",
                ],
                rows: self.goods.iter().map(certified).collect(),
            },
            given
                .map(|donation| documents(&donation.documents))
                .next()
                .unwrap_or_else(|| documents(&[])),
        ]
    }
}

/// A verification that counts today; nothing where there is none.
fn verification(title: &'static str, verification: Option<&Verification>) -> Part {
    Part {
        title,
        ..verifications(verification.map_or(&[], std::slice::from_ref))
    }
}

fn certified(goods: &CertifiedGoods) -> Vec<Cell> {
    let batch = goods.batch.clone().unwrap_or_default();
    cells![
        &batch.item_id,
        &batch.batch_id,
        &batch.lot,
        &batch.expires_on,
        batch.quantity,
        word::field::<ReceiptOutcome>(goods.outcome),
        unit_value(batch.unit_value.as_ref()),
        goods.value.as_ref(),
        &batch.received_at_facility_id,
        goods.receipt_position.to_string()
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use keruen_proto::registry::v1::Money;

    use super::*;
    use crate::{cli::Format, render::Output};

    #[test]
    fn a_sheet_of_a_balance_has_a_row_for_each_of_goods_and_currencies() {
        let money = |currency_code: &str, minor_units| {
            Some(Money {
                currency_code: currency_code.to_owned(),
                minor_units,
            })
        };
        let of_goods = |commodity_id: &str, pledged| GoodsBalance {
            commodity_id: commodity_id.to_owned(),
            pledged,
            ..GoodsBalance::default()
        };
        let of_money = |currency_code, minor_units| MoneyBalance {
            pledged: money(currency_code, minor_units),
            spent: money(currency_code, 5),
            ..MoneyBalance::default()
        };
        let balance = DonorBalance {
            donor_id: "KASPI".to_owned(),
            donations: 3,
            open_donations: 1,
            goods: vec![of_goods("MASK", 70), of_goods("PUMP", 9)],
            money: vec![of_money("JPY", 1_200), of_money("USD", 200_000)],
            ..DonorBalance::default()
        };
        let buffer = Arc::new(Mutex::new(Vec::new()));
        let mut output = Output::buffered(Format::Csv, Arc::clone(&buffer));
        output.listed(&[balance]).unwrap();
        let text = String::from_utf8(buffer.lock().unwrap().clone()).unwrap();
        let wanted = "\
donor_id,donor_name,donations,open,commodity_id,item_id,pledged,received,outstanding,short,\
money_pledged,money_pledged_currency,money_spent,money_spent_currency,\
money_committed,money_committed_currency,money_available,money_available_currency
KASPI,,3,1,,,,,,,,,,,,,,
KASPI,,,,MASK,,70,0,0,0,,,,,,,,
KASPI,,,,PUMP,,9,0,0,0,,,,,,,,
KASPI,,,,,,,,,,1200,JPY,5,JPY,,,,
KASPI,,,,,,,,,,2000.00,USD,0.05,USD,,,,
";
        assert_eq!(text, wanted);
    }
}
