//! Requests about donations, parsed into commands.

use std::collections::BTreeSet;

use keruen_domain::{
    Code, Contents, Packed,
    donation::{
        AnnounceConsignment, ChangeEarmarks, CloseDonation, CommitDonatedMoney, Expense, Import,
        MoveConsignment, Passage, PledgeDonation, PledgedGoods, ReceiptLine, ReceiveDonation,
        ReleaseDonatedMoney, SpendDonatedMoney,
    },
    id::IdKind,
    limits,
};
use keruen_edge::Fields;
use keruen_proto::{
    inventory::v1::{
        self, AnnounceConsignmentRequest, ChangeEarmarksRequest, ClearConsignmentRequest,
        ClearanceOverride, ClearanceOverrideReason, CloseDonationRequest,
        CommitDonatedMoneyRequest, ConsumptionPurpose, DonationCondition, Earmark, MoneyPurpose,
        PledgeDonationRequest, PledgeLine, ReceiptOutcome, ReceiveDonationRequest,
        RecordConsignmentAtBorderRequest, RecordConsignmentInCustomsRequest,
        RefuseConsignmentRequest, ReleaseDonatedMoneyRequest, SpendDonatedMoneyRequest,
    },
    registry::v1::DocumentRef,
};

/// A donation to be pledged.
pub fn pledge(
    message: &PledgeDonationRequest,
    fields: &mut Fields,
) -> Option<Packed<PledgeDonation>> {
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
    let conditions = conditions(fields, &message.conditions);
    let earmarks = fields.each("earmarks", &message.earmarks, limits::EARMARKS, earmark);
    let donor_id = donor_id?;
    let lines = lines?
        .into_iter()
        .zip(numbers?)
        .map(|(line, number)| PledgedGoods {
            line: number,
            ..line
        })
        .collect();
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = PledgeDonation {
        donation_id: donation_id?,
        recipient_id: recipient_id?.unwrap_or_else(|| donor_id.clone()),
        donor_id,
        lines,
        money: money?,
        expected_on: expected_on?,
        documents: documents?,
        anonymous: message.anonymous,
        conditions: conditions?,
        earmarks: earmarks?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

fn conditions(fields: &mut Fields, given: &[i32]) -> Option<Vec<DonationCondition>> {
    let mut seen = BTreeSet::new();
    fields.each(
        "conditions",
        given,
        limits::CONDITIONS,
        |fields, path, value| {
            let condition = fields.stated(path, *value);
            if !seen.insert(*value) {
                fields.reject(path, "stands there twice");
                return None;
            }
            condition
        },
    )
}

/// What a donor says anew about for whom it gave.
pub fn change_earmarks(
    message: &ChangeEarmarksRequest,
    fields: &mut Fields,
) -> Option<ChangeEarmarks> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let earmarks = fields.each("earmarks", &message.earmarks, limits::EARMARKS, earmark);
    let authorised_by_ref = fields.person("authorised_by_ref", &message.authorised_by_ref);
    if message.documents.is_empty() {
        fields.reject(
            "documents",
            "must name in what the donor said so, at least one",
        );
    }
    let documents = fields.documents("documents", &message.documents);
    Some(ChangeEarmarks {
        donation_id: donation_id?,
        earmarks: earmarks?,
        authorised_by_ref: authorised_by_ref?,
        documents: documents?,
    })
}

fn earmark(fields: &mut Fields, path: &str, earmark: &Earmark) -> Option<Earmark> {
    let item_id = fields.optional_code(&format!("{path}.item_id"), &earmark.item_id);
    let region_id = fields.optional_code(&format!("{path}.region_id"), &earmark.region_id);
    let facility_id = fields.optional_code(&format!("{path}.facility_id"), &earmark.facility_id);
    let purpose: Option<Option<ConsumptionPurpose>> = match earmark.purpose {
        None | Some(0) => Some(None),
        Some(value) => fields.stated(&format!("{path}.purpose"), value).map(Some),
    };
    if region_id == Some(None) && facility_id == Some(None) && purpose == Some(None) {
        fields.reject(path, "must state a region_id, a facility_id or a purpose");
        return None;
    }
    let text = |code: Option<Code>| code.map(|code| code.to_string()).unwrap_or_default();
    Some(Earmark {
        item_id: text(item_id?),
        region_id: text(region_id?),
        facility_id: text(facility_id?),
        purpose: purpose?.map(Into::into),
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
    if line.outstanding != 0 {
        fields.reject(
            format!("{path}.outstanding"),
            "is worked out and must be 0 here",
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
pub fn receive(
    message: &ReceiveDonationRequest,
    fields: &mut Fields,
) -> Option<Packed<ReceiveDonation>> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let lines = receipt_lines(fields, &message.lines);
    let documents = fields.documents("documents", &message.documents);
    let consignment_id = fields.optional_code("consignment_id", &message.consignment_id);
    let clearance_override = clearance_override(fields, message.clearance_override.as_ref());
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = ReceiveDonation {
        donation_id: donation_id?,
        facility_id: facility_id?,
        lines: lines?,
        documents: documents?,
        import: Import {
            consignment_id: consignment_id?,
            clearance_override: clearance_override?,
        },
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

#[expect(
    clippy::option_option,
    reason = "malformed, absent and given are three things"
)]
fn clearance_override(
    fields: &mut Fields,
    given: Option<&ClearanceOverride>,
) -> Option<Option<ClearanceOverride>> {
    let Some(given) = given else {
        return Some(None);
    };
    let authorised_by_ref = fields.person(
        "clearance_override.authorised_by_ref",
        &given.authorised_by_ref,
    );
    let reason: Option<ClearanceOverrideReason> =
        fields.stated("clearance_override.reason", given.reason);
    Some(Some(ClearanceOverride {
        authorised_by_ref: authorised_by_ref?.to_string(),
        reason: reason?.into(),
    }))
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
    if outcome == Some(ReceiptOutcome::Missing) {
        let told = [
            ("batch_id", &line.batch_id),
            ("lot", &line.lot),
            ("expires_on", &line.expires_on),
        ];
        if let Some((name, found)) = told.into_iter().find(|(_, text)| !text.is_empty()) {
            fields.reject(
                format!("{path}.{name}"),
                format!("must be empty: what is MISSING becomes no batch; found {found:?}"),
            );
            return None;
        }
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

/// Donated money that was spent.
pub fn spend(
    message: &SpendDonatedMoneyRequest,
    fields: &mut Fields,
) -> Option<Packed<SpendDonatedMoney>> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let amount = fields.there("amount", message.amount.as_ref());
    let amount = amount.and_then(|amount| fields.money("amount", amount));
    let supplier_id = fields.code("supplier_id", &message.supplier_id);
    let purpose = fields.stated_or("purpose", message.purpose, MoneyPurpose::Goods);
    let expense = purpose.and_then(|purpose| expense(message, purpose, fields));
    let commitment = commitment_number(fields, message.commitment);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = SpendDonatedMoney {
        donation_id: donation_id?,
        amount: amount?,
        supplier_id: supplier_id?,
        expense: expense?,
        commitment: commitment?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        match &mut it.expense {
            Expense::Goods { lines, .. } => Some(&mut lines.get_mut(index)?.quantity),
            Expense::Service { .. } => None,
        }
    }))
}

fn expense(
    message: &SpendDonatedMoneyRequest,
    purpose: MoneyPurpose,
    fields: &mut Fields,
) -> Option<Expense> {
    let shipment_id = fields.optional_code("shipment_id", &message.shipment_id);
    if purpose != MoneyPurpose::Freight && !message.shipment_id.is_empty() {
        fields.reject("shipment_id", "must be empty unless the purpose is FREIGHT");
    }
    if purpose == MoneyPurpose::Goods {
        let facility_id = fields.code("facility_id", &message.facility_id);
        let lines = receipt_lines(fields, &message.lines);
        return Some(Expense::Goods {
            facility_id: facility_id?,
            lines: lines?,
        });
    }
    if !message.lines.is_empty() {
        fields.reject("lines", "must be empty unless the purpose is GOODS");
    }
    if !message.facility_id.is_empty() {
        fields.reject("facility_id", "must be empty unless the purpose is GOODS");
    }
    Some(Expense::Service {
        purpose,
        shipment_id: shipment_id?,
    })
}

/// The number of a commitment; `None` within for none.
#[expect(
    clippy::option_option,
    reason = "malformed, none and given are three things"
)]
fn commitment_number(fields: &mut Fields, number: i32) -> Option<Option<i32>> {
    match number {
        0 => Some(None),
        1.. => Some(Some(number)),
        found => {
            fields.reject("commitment", format!("must not be negative; found {found}"));
            None
        }
    }
}

/// Donated money that is to be set aside.
pub fn commit(
    message: &CommitDonatedMoneyRequest,
    fields: &mut Fields,
) -> Option<CommitDonatedMoney> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let amount = fields.there("amount", message.amount.as_ref());
    let amount = amount.and_then(|amount| fields.money("amount", amount));
    let purpose = fields.stated("purpose", message.purpose);
    let supplier_id = fields.code("supplier_id", &message.supplier_id);
    let documents = fields.documents("documents", &message.documents);
    Some(CommitDonatedMoney {
        donation_id: donation_id?,
        amount: amount?,
        purpose: purpose?,
        supplier_id: supplier_id?,
        documents: documents?,
    })
}

/// A commitment that is to be given up.
pub fn release(
    message: &ReleaseDonatedMoneyRequest,
    fields: &mut Fields,
) -> Option<ReleaseDonatedMoney> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let commitment = commitment_number(fields, message.commitment);
    if message.commitment == 0 {
        fields.reject("commitment", "must be stated");
    }
    let reason = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    Some(ReleaseDonatedMoney {
        donation_id: donation_id?,
        commitment: commitment??,
        reason: reason?,
        documents: documents?,
    })
}

/// A donation that is to be closed.
pub fn close(message: &CloseDonationRequest, fields: &mut Fields) -> Option<CloseDonation> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let shortfall_reason = match message.shortfall_reason {
        0 => Some(None),
        value => fields.stated("shortfall_reason", value).map(Some),
    };
    let documents = fields.documents("documents", &message.documents);
    Some(CloseDonation {
        donation_id: donation_id?,
        shortfall_reason: shortfall_reason?,
        documents: documents?,
    })
}

/// A consignment that is coming.
pub fn announce(
    message: &AnnounceConsignmentRequest,
    fields: &mut Fields,
) -> Option<AnnounceConsignment> {
    let donation_id = fields.code("donation_id", &message.donation_id);
    let consignment_id = fields.optional_code("consignment_id", &message.consignment_id);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let documents = fields.documents("documents", &message.documents);
    Some(AnnounceConsignment {
        donation_id: donation_id?,
        consignment_id: consignment_id?,
        expected_on: expected_on?,
        documents: documents?,
    })
}

/// A consignment that has reached the border.
pub fn at_border(
    message: &RecordConsignmentAtBorderRequest,
    fields: &mut Fields,
) -> Option<MoveConsignment> {
    let named = (&*message.donation_id, &*message.consignment_id);
    consignment(fields, named, Some(Passage::Border), &message.documents)
}

/// A consignment that is with customs.
pub fn in_customs(
    message: &RecordConsignmentInCustomsRequest,
    fields: &mut Fields,
) -> Option<MoveConsignment> {
    let named = (&*message.donation_id, &*message.consignment_id);
    consignment(fields, named, Some(Passage::Customs), &message.documents)
}

/// A consignment that is cleared.
pub fn clear(message: &ClearConsignmentRequest, fields: &mut Fields) -> Option<MoveConsignment> {
    let named = (&*message.donation_id, &*message.consignment_id);
    if message.documents.is_empty() {
        fields.reject("documents", "must name what cleared it, at least one");
    }
    consignment(fields, named, Some(Passage::Cleared), &message.documents)
}

/// A consignment that was not let in.
pub fn refuse(message: &RefuseConsignmentRequest, fields: &mut Fields) -> Option<MoveConsignment> {
    let named = (&*message.donation_id, &*message.consignment_id);
    let passage = fields
        .stated("reason", message.reason)
        .map(Passage::Refused);
    consignment(fields, named, passage, &message.documents)
}

fn consignment(
    fields: &mut Fields,
    (donation_id, consignment_id): (&str, &str),
    passage: Option<Passage>,
    documents: &[DocumentRef],
) -> Option<MoveConsignment> {
    let donation_id = fields.code("donation_id", donation_id);
    let consignment_id = fields.code("consignment_id", consignment_id);
    let documents = fields.documents("documents", documents);
    Some(MoveConsignment {
        donation_id: donation_id?,
        consignment_id: consignment_id?,
        passage: passage?,
        documents: documents?,
    })
}

#[cfg(test)]
mod tests {
    use keruen_proto::registry::v1::DocumentKind;

    use super::*;

    #[test]
    fn who_speaks_for_a_donor_is_a_reference() {
        let parsed = |who: &str| {
            let message = ChangeEarmarksRequest {
                donation_id: "D1".to_owned(),
                authorised_by_ref: who.to_owned(),
                documents: vec![DocumentRef {
                    kind: DocumentKind::DonationAgreement.into(),
                    number: "17".to_owned(),
                    ..DocumentRef::default()
                }],
                ..ChangeEarmarksRequest::default()
            };
            change_earmarks(&message, &mut Fields::of_query()).is_some()
        };
        assert!(parsed("person:7"));
        assert!(!parsed("Ann Lee") && !parsed("7") && !parsed(""));
    }

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
        for (field, told) in [
            (
                "lot",
                v1::ReceiptLine {
                    lot: "A1".to_owned(),
                    ..line("")
                },
            ),
            (
                "expires_on",
                v1::ReceiptLine {
                    expires_on: "2030-01-01".to_owned(),
                    ..line("")
                },
            ),
        ] {
            let mut fields = Fields::of_query();
            assert!(
                receipt_line(&mut fields, "lines[0]", &told).is_none(),
                "{field}"
            );
        }
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
