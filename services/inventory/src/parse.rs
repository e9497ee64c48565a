//! Requests to the inventory service, parsed into commands.

pub mod quality;
pub mod stock;

use keruen_domain::{
    Label, Quantity,
    donation::{PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation, SpendDonatedMoney},
    id::IdKind,
    limits,
    stock::{AdjustStock, Change, ConsumeStock, DisposeStock},
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{
    self, AdjustStockRequest, AdjustmentReason, ConsumeStockRequest, ConsumptionPurpose,
    DisposalReason, DisposeStockRequest, PledgeDonationRequest, PledgeLine, ReceiptOutcome,
    ReceiveDonationRequest, SpendDonatedMoneyRequest,
};

/// A donation to be pledged.
pub fn pledge(message: &PledgeDonationRequest, fields: &mut Fields) -> Option<PledgeDonation> {
    let donation_id = fields.new_code("donation_id", &message.donation_id, IdKind::Donation);
    let donor_id = fields.code("donor_id", &message.donor_id);
    let recipient_id = fields.optional_code("recipient_id", &message.recipient_id);
    let given: Vec<i32> = message.lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let lines = fields.each("lines", &message.lines, limits::PLEDGE_LINES, pledged_goods);
    let money = match &message.money {
        Some(money) => fields.money("money", money).map(Some),
        None => Some(None),
    };
    if message.lines.is_empty() && message.money.is_none() {
        fields.reject("lines", "must promise goods in lines, or money");
        return None;
    }
    let expected_on = fields.date("expected_on", &message.expected_on);
    let documents = fields.documents("documents", &message.documents);
    let donor_id = donor_id?;
    let lines = lines?
        .into_iter()
        .zip(numbers?)
        .map(|(line, number)| PledgedGoods {
            line: number,
            ..line
        })
        .collect();
    Some(PledgeDonation {
        donation_id: donation_id?,
        recipient_id: recipient_id?.unwrap_or_else(|| donor_id.clone()),
        donor_id,
        lines,
        money: money?,
        expected_on: expected_on?,
        documents: documents?,
        anonymous: message.anonymous,
    })
}

fn pledged_goods(fields: &mut Fields, path: &str, line: &PledgeLine) -> Option<PledgedGoods> {
    let commodity_id = fields.optional_code(&format!("{path}.commodity_id"), &line.commodity_id);
    let item_id = fields.optional_code(&format!("{path}.item_id"), &line.item_id);
    let named = commodity_id != Some(None) || item_id != Some(None);
    if !named {
        fields.reject(path, "must name a commodity_id or an item_id");
    }
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    if line.received != 0 {
        fields.reject(
            format!("{path}.received"),
            "is recorded on receipt and must be 0 here",
        );
    }
    let goods = PledgedGoods {
        line: line.line,
        commodity_id: commodity_id?,
        item_id: item_id?,
        quantity: quantity?,
    };
    named.then_some(goods)
}

/// Donated goods that arrived.
pub fn receive(message: &ReceiveDonationRequest, fields: &mut Fields) -> Option<ReceiveDonation> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let lines = receipt_lines(fields, &message.lines);
    let documents = fields.documents("documents", &message.documents);
    Some(ReceiveDonation {
        donation_id: donation_id?,
        facility_id: facility_id?,
        lines: lines?,
        documents: documents?,
    })
}

fn receipt_lines(fields: &mut Fields, lines: &[v1::ReceiptLine]) -> Option<Vec<ReceiptLine>> {
    let parsed = fields.some("lines", lines, limits::RECEIPT_LINES, receipt_line);
    let counts = lines.iter().map(|line| line.serial_numbers.len());
    fields.serial_numbers_of("lines", counts)?;
    parsed
}

fn receipt_line(fields: &mut Fields, path: &str, line: &v1::ReceiptLine) -> Option<ReceiptLine> {
    let item_id = fields.code(&format!("{path}.item_id"), &line.item_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    let outcome = fields.stated_or(
        &format!("{path}.outcome"),
        line.outcome,
        ReceiptOutcome::Good,
    );
    let lot = fields.optional_label(&format!("{path}.lot"), &line.lot);
    let expires_on = fields.date(&format!("{path}.expires_on"), &line.expires_on);
    let serial_numbers = fields.each(
        &format!("{path}.serial_numbers"),
        &line.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    let pledge_line = match line.pledge_line {
        0 => Some(None),
        number @ 1.. => Some(Some(number)),
        found => {
            fields.reject(
                format!("{path}.pledge_line"),
                format!("must not be negative; found {found}"),
            );
            None
        }
    };
    let unit_value = fields.unit_value(&format!("{path}.unit_value"), line.unit_value.as_ref());
    let batch_id = fields.new_code(&format!("{path}.batch_id"), &line.batch_id, IdKind::Batch);
    if outcome == Some(ReceiptOutcome::Missing) && !line.batch_id.is_empty() {
        fields.reject(
            format!("{path}.batch_id"),
            "must be empty: what is missing becomes no batch",
        );
        return None;
    }
    Some(ReceiptLine {
        item_id: item_id?,
        quantity: quantity?,
        outcome: outcome?,
        lot: lot?,
        expires_on: expires_on?,
        serial_numbers: serial_numbers?,
        pledge_line: pledge_line?,
        unit_value: unit_value?,
        batch_id: batch_id?,
    })
}

/// Donated money that was spent on goods.
pub fn spend(message: &SpendDonatedMoneyRequest, fields: &mut Fields) -> Option<SpendDonatedMoney> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let amount = fields.there("amount", message.amount.as_ref());
    let amount = amount.and_then(|amount| fields.money("amount", amount));
    let supplier_id = fields.code("supplier_id", &message.supplier_id);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let lines = receipt_lines(fields, &message.lines);
    let documents = fields.documents("documents", &message.documents);
    Some(SpendDonatedMoney {
        donation_id: donation_id?,
        amount: amount?,
        supplier_id: supplier_id?,
        facility_id: facility_id?,
        lines: lines?,
        documents: documents?,
    })
}

/// Books to be corrected.
pub fn adjust(message: &AdjustStockRequest, fields: &mut Fields) -> Option<AdjustStock> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let change = change(fields, message.delta);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let reason: Option<AdjustmentReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(AdjustStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        change: change?,
        serial_numbers: serial_numbers?,
        reason: reason?,
        documents: documents?,
    })
}

fn change(fields: &mut Fields, delta: i64) -> Option<Change> {
    let size = i64::try_from(delta.unsigned_abs()).unwrap_or(i64::MAX);
    match Quantity::parse(size) {
        Ok(quantity) if delta > 0 => Some(Change::Increase(quantity)),
        Ok(quantity) => Some(Change::Decrease(quantity)),
        Err(rule) => {
            fields.reject("delta", format!("{rule}; found {delta}"));
            None
        }
    }
}

/// Stock that was used up.
pub fn consume(message: &ConsumeStockRequest, fields: &mut Fields) -> Option<ConsumeStock> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let item_id = fields.code("item_id", &message.item_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let batch_id = fields.optional_code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let purpose: Option<ConsumptionPurpose> = fields.stated("purpose", message.purpose);
    Some(ConsumeStock {
        facility_id: facility_id?,
        item_id: item_id?,
        quantity: quantity?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        purpose: purpose?,
        already_used: message.already_used,
    })
}

/// Stock that was disposed of.
pub fn dispose(message: &DisposeStockRequest, fields: &mut Fields) -> Option<DisposeStock> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let reason: Option<DisposalReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(DisposeStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        reason: reason?,
        documents: documents?,
    })
}

fn serial_numbers(fields: &mut Fields, given: &[String]) -> Option<Vec<Label>> {
    let label = |fields: &mut Fields, path: &str, serial: &String| fields.label(path, serial);
    fields.each("serial_numbers", given, limits::SERIAL_NUMBERS, label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_no_batch() {
        let line = |batch_id: &str| v1::ReceiptLine {
            item_id: "RAPID".to_owned(),
            quantity: 1,
            outcome: ReceiptOutcome::Missing.into(),
            batch_id: batch_id.to_owned(),
            ..v1::ReceiptLine::default()
        };
        let mut fields = Fields::of_query();
        assert!(receipt_line(&mut fields, "lines[0]", &line("")).is_some());
        assert!(receipt_line(&mut fields, "lines[0]", &line("B1")).is_none());
    }

    #[test]
    fn all_lines_together_have_a_bounded_number_of_serial_numbers() {
        let line = |count: usize| v1::ReceiptLine {
            item_id: "VENT".to_owned(),
            quantity: 1,
            serial_numbers: (0..count).map(|number| format!("SN-{number}")).collect(),
            ..v1::ReceiptLine::default()
        };
        let message = |lines| ReceiveDonationRequest {
            donation_id: "D1".to_owned(),
            facility_id: "WH".to_owned(),
            lines,
            ..ReceiveDonationRequest::default()
        };
        let limit = limits::SERIAL_NUMBERS;
        let fits = message(vec![line(limit - 1), line(1)]);
        assert!(receive(&fits, &mut Fields::of_query()).is_some());
        let too_many = message(vec![line(limit); limits::RECEIPT_LINES]);
        assert!(receive(&too_many, &mut Fields::of_query()).is_none());
    }
}
