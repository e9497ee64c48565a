//! Requests to the shipment service, parsed into commands.

use keruen_domain::{
    Contents, Packed,
    id::IdKind,
    limits,
    shipment::{
        AcceptLossAct, AllocateShipment, CancelShipment, DispatchShipment, DispatchUnclaimed,
        FoundGoods, GoodsToSend, ReceiveShipment, RequestShipment,
    },
};
use keruen_edge::Fields;
use keruen_proto::{
    inventory::v1::ReceiptOutcome,
    shipments::v1::{
        AcceptLossActRequest, AllocateShipmentRequest, CancelShipmentRequest, CancellationReason,
        CustodyBasis, DispatchShipmentRequest, LossVerdict, ReceiveShipmentRequest,
        RequestShipmentRequest, ReserveOverride, ReserveOverrideReason, ShipmentLine,
        ShipmentReceiptLine,
    },
};

pub mod custody;
mod journey;
mod sscc;
pub mod trip;

pub use journey::{
    answer, arrive, attempt, delay, divert, pack, report_loss, split, title, turn_back, unpack,
};

/// A shipment to be requested.
pub fn request(
    message: &RequestShipmentRequest,
    fields: &mut Fields,
) -> Option<Packed<RequestShipment>> {
    let shipment_id = fields.new_code("shipment_id", &message.shipment_id, IdKind::Shipment);
    let origin_id = fields.code("origin_id", &message.origin_id);
    let destination_id = fields.code("destination_id", &message.destination_id);
    let given: Vec<i32> = message.lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let lines = fields.some(
        "lines",
        &message.lines,
        limits::SHIPMENT_LINES,
        goods_to_send,
    );
    let lines = lines?
        .into_iter()
        .zip(numbers?)
        .map(|(line, number)| GoodsToSend {
            line: number,
            ..line
        })
        .collect();
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = RequestShipment {
        shipment_id: shipment_id?,
        origin_id: origin_id?,
        destination_id: destination_id?,
        lines,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

fn goods_to_send(fields: &mut Fields, path: &str, line: &ShipmentLine) -> Option<GoodsToSend> {
    let item_id = fields.code(&format!("{path}.item_id"), &line.item_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    let request_id = fields.optional_code(&format!("{path}.request_id"), &line.request_id);
    let owner_id = fields.optional_code(&format!("{path}.owner_id"), &line.owner_id);
    let request = match request_id? {
        Some(request_id) if line.request_line >= 1 => Some((request_id, line.request_line)),
        // A request of one line is the usual case.
        Some(request_id) if line.request_line == 0 => Some((request_id, 1)),
        None if line.request_line == 0 => None,
        _ => {
            let rule = format!(
                "must be a line of the request that request_id names; found {}",
                line.request_line
            );
            fields.reject(format!("{path}.request_line"), rule);
            return None;
        }
    };
    if !(0..=limits::MIN_LIFE_DAYS).contains(&line.min_life_days) {
        let (max, found) = (limits::MIN_LIFE_DAYS, line.min_life_days);
        let rule = format!("must be from 0 to {max}; found {found}");
        fields.reject(format!("{path}.min_life_days"), rule);
        return None;
    }
    Some(GoodsToSend {
        min_life_days: line.min_life_days,
        line: line.line,
        item_id: item_id?,
        quantity: quantity?,
        request,
        owner_id: owner_id?,
    })
}

/// A shipment to be allocated.
pub fn allocate(
    message: &AllocateShipmentRequest,
    fields: &mut Fields,
) -> Option<AllocateShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let fit_override = fields.fit_override("fit_override", message.fit_override.as_ref());
    let reserve_override = reserve_override(fields, message.reserve_override.as_ref());
    let reserve_item_ids = fields.each(
        "reserve_item_ids",
        &message.reserve_item_ids,
        limits::RESERVE_ITEMS,
        |fields, path, id| fields.code(path, id),
    );
    let arrives_on = fields.date("arrives_on", &message.arrives_on);
    Some(AllocateShipment {
        arrives_on: arrives_on?,
        shipment_id: shipment_id?,
        allow_partial: message.allow_partial,
        fit_override: fit_override?,
        reserve_override: reserve_override?,
        reserve_item_ids: reserve_item_ids?,
    })
}

/// A shipment that left.
pub fn dispatch(
    message: &DispatchShipmentRequest,
    fields: &mut Fields,
) -> Option<DispatchShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let custodian_id = fields.code("custodian_id", &message.custodian_id);
    let signed_by_ref = fields.optional_person("signed_by_ref", &message.signed_by_ref);
    let expected_on = fields.date("expected_on", &message.expected_on);
    let documents = fields.documents("documents", &message.documents);
    let fit_override = fields.fit_override("fit_override", message.fit_override.as_ref());
    let basis = match message.basis {
        0 => Some(None),
        basis => fields.stated::<CustodyBasis>("basis", basis).map(Some),
    };
    let answered = custody::agreement_override(fields, message.agreement_override.as_ref());
    if !message.units.is_empty() && !message.already_dispatched {
        fields.reject(
            "units",
            "only where it has left already (already_dispatched): else what is claimed leaves",
        );
        return None;
    }
    Some(DispatchShipment {
        fit_override: fit_override?,
        basis: basis?,
        agreement_override: answered.ok()?,
        shipment_id: shipment_id?,
        custodian_id: custodian_id?,
        signed_by_ref: signed_by_ref?,
        expected_on: expected_on?,
        documents: documents?,
    })
}

/// A shipment that has left with what nobody had claimed for it.
pub fn dispatch_unclaimed(
    message: &DispatchShipmentRequest,
    fields: &mut Fields,
) -> Option<DispatchUnclaimed> {
    let dispatch = dispatch(message, fields);
    let units = journey::picks(fields, "units", &message.units);
    let ids = (0..limits::PICKS).map(|_| fields.new_code("batch_id", "", IdKind::Batch));
    let new_batch_ids: Option<Vec<_>> = ids.collect();
    let units = units?;
    Some(DispatchUnclaimed {
        dispatch: dispatch?,
        units: (!units.is_empty()).then_some(units),
        new_batch_ids: new_batch_ids?,
    })
}

/// A shipment that was received, or a part of it.
pub fn receive(
    message: &ReceiveShipmentRequest,
    fields: &mut Fields,
) -> Option<Packed<ReceiveShipment>> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let lines = fields.each("lines", &message.lines, limits::FOUND_LINES, found_goods);
    let counts = message.lines.iter().map(|line| line.serial_numbers.len());
    let fitting = fields.serial_numbers_of("lines", counts);
    let signed_by_ref = fields.optional_person("signed_by_ref", &message.signed_by_ref);
    let documents = fields.documents("documents", &message.documents);
    let seals = journey::seals(fields, "seals", &message.seals);
    let answer_within_days = answer_days(fields, message.answer_within_days);
    let (lines, ()) = lines.zip(fitting)?;
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        let contents = match (line.item_id.as_str(), line.batch_id.as_str()) {
            ("", "") => Contents::ShipmentLine(message.shipment_id.as_str(), line.line),
            ("", batch_id) => Contents::Batch(batch_id),
            (item_id, _) => Contents::Item(item_id),
        };
        (&line.pack_id, contents)
    });
    let command = ReceiveShipment {
        shipment_id: shipment_id?,
        lines: (!lines.is_empty()).then_some(lines),
        signed_by_ref: signed_by_ref?,
        documents: documents?,
        seals: seals?,
        answer_within_days: answer_within_days?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.as_mut()?.get_mut(index)?.quantity)
    }))
}

/// Days that a sender has to answer, where nothing else is said.
const USUAL_ANSWER_DAYS: u32 = 7;

fn answer_days(fields: &mut Fields, days: i32) -> Option<u32> {
    match u32::try_from(days) {
        Ok(0) => Some(USUAL_ANSWER_DAYS),
        Ok(given) if days <= limits::ANSWER_DAYS => Some(given),
        _ => {
            let max = limits::ANSWER_DAYS;
            let rule =
                format!("must be from 1 to {max}, or 0 for {USUAL_ANSWER_DAYS}; found {days}");
            fields.reject("answer_within_days", rule);
            None
        }
    }
}

fn found_goods(fields: &mut Fields, path: &str, line: &ShipmentReceiptLine) -> Option<FoundGoods> {
    let outcome = fields.stated_or(
        &format!("{path}.outcome"),
        line.outcome,
        ReceiptOutcome::Good,
    );
    let batch_id = fields.optional_code(&format!("{path}.batch_id"), &line.batch_id);
    let owner_id = fields.optional_code(&format!("{path}.owner_id"), &line.owner_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    let serial_numbers = fields.each(
        &format!("{path}.serial_numbers"),
        &line.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    let item_id = fields.optional_code(&format!("{path}.item_id"), &line.item_id);
    let lot = fields.optional_label(&format!("{path}.lot"), &line.lot);
    let expires_on = fields.date(&format!("{path}.expires_on"), &line.expires_on);
    let sscc = sscc::optional(fields, &format!("{path}.sscc"), &line.sscc);
    let new_batch_id = fields.new_code(&format!("{path}.batch_id"), "", IdKind::Batch);
    let outcome = outcome?;
    let unannounced = matches!(outcome, ReceiptOutcome::Surplus | ReceiptOutcome::Wrong);
    let line_fits = if line.line >= 1 || (unannounced && line.line == 0) {
        true
    } else {
        let rule = format!(
            "must be the number of a line of the shipment; found {}",
            line.line
        );
        fields.reject(format!("{path}.line"), rule);
        false
    };
    let goods = FoundGoods {
        line: (line.line != 0).then_some(line.line),
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        outcome,
        serial_numbers: serial_numbers?,
        item_id: item_id?,
        lot: lot?,
        expires_on: expires_on?,
        new_batch_id: new_batch_id?,
        sscc: sscc?,
    };
    (line_fits && describes_what_is_new(fields, path, &goods, unannounced)).then_some(goods)
}

/// What was announced is described by its batch; what was not, by what is printed on it.
fn describes_what_is_new(
    fields: &mut Fields,
    path: &str,
    goods: &FoundGoods,
    unannounced: bool,
) -> bool {
    if unannounced {
        let mut fits = true;
        if goods.item_id.is_none() {
            fields.reject(
                format!("{path}.item_id"),
                "must name the item that is there",
            );
            fits = false;
        }
        if goods.batch_id.is_some() || goods.owner_id.is_some() {
            fields.reject(path, "surplus and wrong goods belong to no batch and owner of the shipment: leave them out");
            fits = false;
        }
        return fits;
    }
    let described = goods.item_id.is_some() || goods.lot.is_some() || goods.expires_on.is_some();
    if described {
        fields.reject(path, "item_id, lot and expires_on are only for surplus and wrong goods: name the line and the batch");
    }
    !described
}

/// Missing units to be settled.
pub fn accept_loss_act(
    message: &AcceptLossActRequest,
    fields: &mut Fields,
) -> Option<AcceptLossAct> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let act = fields.there("act", message.act.as_ref());
    let act = act.and_then(|act| fields.document("act", act));
    let verdict: Option<LossVerdict> = fields.stated("verdict", message.verdict);
    let lines = journey::numbers(fields, "lines", &message.lines, limits::SHIPMENT_LINES);
    let liable_id = fields.optional_code("liable_id", &message.liable_id);
    Some(AcceptLossAct {
        lines: journey::named(lines?),
        liable_id: liable_id?,
        shipment_id: shipment_id?,
        act: act?,
        verdict: verdict?,
    })
}

/// A shipment to be cancelled.
pub fn cancel(message: &CancelShipmentRequest, fields: &mut Fields) -> Option<CancelShipment> {
    let shipment_id = fields.code("shipment_id", &message.shipment_id);
    let reason: Option<CancellationReason> = fields.stated("reason", message.reason);
    Some(CancelShipment {
        shipment_id: shipment_id?,
        reason: reason?,
    })
}

#[expect(
    clippy::option_option,
    reason = "malformed, absent and given are three things"
)]
fn reserve_override(
    fields: &mut Fields,
    given: Option<&ReserveOverride>,
) -> Option<Option<ReserveOverride>> {
    let Some(given) = given else {
        return Some(None);
    };
    let who = fields.person(
        "reserve_override.authorised_by_ref",
        &given.authorised_by_ref,
    );
    let why = fields.stated::<ReserveOverrideReason>("reserve_override.reason", given.reason);
    let _ = (who?, why?);
    Some(Some(given.clone()))
}
