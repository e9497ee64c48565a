//! Requests about stock that is opened, counted, given back or spoiled, parsed into commands.

use keruen_domain::{
    Code, Contents, Packed,
    id::IdKind,
    limits,
    quality::ShortenExpiry,
    stock::{CountStock, CountedUnits, NewStock, OpenStock, RecordExcursion, ReturnStock},
};
use keruen_edge::Fields;
use keruen_proto::inventory::v1::{
    CountKind, CountLine, CountStockRequest, NewStockLine, OpenStockRequest,
    RecordTemperatureExcursionRequest, ReturnReason, ReturnStockRequest, ShortenExpiryRequest,
};

use super::serial_numbers;

/// Temperatures that a logger can have seen, in thousandths of a degree Celsius: from absolute zero to 200 °C.
const TEMPERATURES: std::ops::RangeInclusive<i32> = -273_150..=200_000;

/// Books to be opened.
pub fn open(message: &OpenStockRequest, fields: &mut Fields) -> Option<Packed<OpenStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let lines = fields.some("lines", &message.lines, limits::RECEIPT_LINES, new_stock);
    let counts = message.lines.iter().map(|line| line.serial_numbers.len());
    fields.serial_numbers_of("lines", counts)?;
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = OpenStock {
        facility_id: facility_id?,
        lines: lines?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

/// Units that become a batch of their own.
pub fn new_stock(fields: &mut Fields, path: &str, line: &NewStockLine) -> Option<NewStock> {
    let item_id = fields.code(&format!("{path}.item_id"), &line.item_id);
    let quantity = fields.quantity(&format!("{path}.quantity"), line.quantity);
    let owner_id = fields.optional_code(&format!("{path}.owner_id"), &line.owner_id);
    let lot = fields.optional_label(&format!("{path}.lot"), &line.lot);
    let expires_on = fields.date(&format!("{path}.expires_on"), &line.expires_on);
    let serial_numbers = fields.each(
        &format!("{path}.serial_numbers"),
        &line.serial_numbers,
        limits::SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    let unit_value = fields.unit_value(&format!("{path}.unit_value"), line.unit_value.as_ref());
    let batch_id = fields.new_code(&format!("{path}.batch_id"), &line.batch_id, IdKind::Batch);
    Some(NewStock {
        item_id: item_id?,
        quantity: quantity?,
        owner_id: owner_id?,
        lot: lot?,
        expires_on: expires_on?,
        serial_numbers: serial_numbers?,
        unit_value: unit_value?,
        held: line.held,
        batch_id: batch_id?,
    })
}

/// A count. That its position is not above the head is for the caller to see to.
pub fn count(message: &CountStockRequest, fields: &mut Fields) -> Option<Packed<CountStock>> {
    let count_id = fields.new_code("count_id", &message.count_id, IdKind::Count);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let item_id = fields.code("item_id", &message.item_id);
    let kind: Option<CountKind> = fields.stated("kind", message.kind);
    let lines = fields.each("lines", &message.lines, limits::COUNT_LINES, counted);
    let found = fields.each("found", &message.found, limits::RECEIPT_LINES, new_stock);
    let counts = message.lines.iter().map(|line| line.serial_numbers.len());
    fields.serial_numbers_of("lines", counts)?;
    let counts = message.found.iter().map(|line| line.serial_numbers.len());
    fields.serial_numbers_of("found", counts)?;
    let documents = fields.documents("documents", &message.documents);
    let item_id_of_count = Contents::Item(message.item_id.as_str());
    let counted = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, item_id_of_count)
    });
    let found_in_packs =
        fields.lines_in_packs("found", message.lines.len(), &message.found, |line| {
            (&line.pack_id, item_id_of_count)
        });
    let in_packs = counted
        .zip(found_in_packs)
        .map(|(lines, found)| [lines, found].concat());
    let command = CountStock {
        count_id: count_id?,
        facility_id: facility_id?,
        item_id: item_id?,
        kind: kind?,
        counted_position: Some(message.counted_position).filter(|position| *position > 0),
        lines: lines?,
        found: found?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        match index.checked_sub(it.lines.len()) {
            None => Some(&mut it.lines.get_mut(index)?.quantity),
            Some(index) => Some(&mut it.found.get_mut(index)?.quantity),
        }
    }))
}

fn counted(fields: &mut Fields, path: &str, line: &CountLine) -> Option<CountedUnits> {
    let batch_id = fields.code(&format!("{path}.batch_id"), &line.batch_id);
    let owner_id = fields.optional_code(&format!("{path}.owner_id"), &line.owner_id);
    let quantity = match line.quantity {
        // Nothing is there: that is a result, too.
        0 => Some(0),
        some => fields
            .quantity(&format!("{path}.quantity"), some)
            .map(keruen_domain::Quantity::get),
    };
    let serial_numbers = fields.each(
        &format!("{path}.serial_numbers"),
        &line.serial_numbers,
        limits::COUNT_SERIAL_NUMBERS,
        |fields, path, serial| fields.label(path, serial),
    );
    Some(CountedUnits {
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
    })
}

/// Stock to be given back.
pub fn give_back(message: &ReturnStockRequest, fields: &mut Fields) -> Option<Packed<ReturnStock>> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let batch_id = fields.code("batch_id", &message.batch_id);
    let owner_id = fields.optional_code("owner_id", &message.owner_id);
    let quantity = fields.quantity("quantity", message.quantity);
    let serial_numbers = serial_numbers(fields, &message.serial_numbers);
    let recipient_id = fields.optional_code("recipient_id", &message.recipient_id);
    let reason: Option<ReturnReason> = fields.stated("reason", message.reason);
    let documents = fields.documents("documents", &message.documents);
    let in_packs = fields.in_packs(&message.pack_id, Contents::Batch(&message.batch_id));
    let command = ReturnStock {
        facility_id: facility_id?,
        batch_id: batch_id?,
        owner_id: owner_id?,
        quantity: quantity?,
        serial_numbers: serial_numbers?,
        recipient_id: recipient_id?,
        already_returned: message.already_returned,
        reason: reason?,
        documents: documents?,
    };
    Some(Packed::new(command, in_packs?, |it, _| {
        Some(&mut it.quantity)
    }))
}

/// Stock that was kept too warm or too cold.
pub fn excursion(
    message: &RecordTemperatureExcursionRequest,
    fields: &mut Fields,
) -> Option<RecordExcursion> {
    let facility_id = fields.code("facility_id", &message.facility_id);
    let item_id = fields.code("item_id", &message.item_id);
    let batch_ids: Option<Vec<Code>> = fields.each(
        "batch_ids",
        &message.batch_ids,
        limits::EXCURSION_BATCHES,
        |fields, path, id| fields.code(path, id),
    );
    let (lowest, highest) = (message.lowest_millicelsius, message.highest_millicelsius);
    let mut is_sound = true;
    for (field, value) in [
        ("lowest_millicelsius", lowest),
        ("highest_millicelsius", highest),
    ] {
        if !TEMPERATURES.contains(&value) {
            fields.reject(
                field,
                format!(
                    "must lie between {} and {} thousandths of a degree Celsius; found {value}",
                    TEMPERATURES.start(),
                    TEMPERATURES.end()
                ),
            );
            is_sound = false;
        }
    }
    if lowest > highest {
        fields.reject(
            "highest_millicelsius",
            format!("must not lie below lowest_millicelsius, {lowest}; found {highest}"),
        );
        is_sound = false;
    }
    if message.duration_minutes < 0 {
        fields.reject(
            "duration_minutes",
            format!("must not be negative; found {}", message.duration_minutes),
        );
        is_sound = false;
    }
    let documents = fields.documents("documents", &message.documents);
    let command = RecordExcursion {
        facility_id: facility_id?,
        item_id: item_id?,
        batch_ids: batch_ids?,
        lowest_millicelsius: lowest,
        highest_millicelsius: highest,
        duration_minutes: message.duration_minutes,
        documents: documents?,
    };
    is_sound.then_some(command)
}

/// A batch that may be used for less long.
pub fn shorten_expiry(
    message: &ShortenExpiryRequest,
    fields: &mut Fields,
) -> Option<ShortenExpiry> {
    let batch_id = fields.code("batch_id", &message.batch_id);
    let expires_on = match fields.date("expires_on", &message.expires_on) {
        Some(None) => {
            fields.reject("expires_on", "must be stated, for example 2020-12-31");
            None
        }
        day => day.flatten(),
    };
    let documents = fields.documents("documents", &message.documents);
    Some(ShortenExpiry {
        batch_id: batch_id?,
        expires_on: expires_on?,
        documents: documents?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperatures_are_in_order_and_possible() {
        let parsed = |lowest, highest, minutes| {
            let message = RecordTemperatureExcursionRequest {
                facility_id: "WH".to_owned(),
                item_id: "RAPID".to_owned(),
                lowest_millicelsius: lowest,
                highest_millicelsius: highest,
                duration_minutes: minutes,
                ..RecordTemperatureExcursionRequest::default()
            };
            excursion(&message, &mut Fields::of_query()).is_some()
        };
        assert!(parsed(2_000, 31_500, 90));
        assert!(parsed(-18_000, -18_000, 0));
        assert!(!parsed(31_500, 2_000, 90));
        assert!(!parsed(2_000, 31_500, -1));
        assert!(!parsed(-300_000, 31_500, 1));
        assert!(!parsed(2_000, 500_000, 1));
    }

    #[test]
    fn nothing_there_is_a_result_of_a_count() {
        let line = |quantity| CountLine {
            batch_id: "B1".to_owned(),
            quantity,
            ..CountLine::default()
        };
        let parsed = |line: &CountLine| counted(&mut Fields::of_query(), "lines[0]", line);
        assert_eq!(parsed(&line(0)).map(|it| it.quantity), Some(0));
        assert!(parsed(&line(-1)).is_none());
    }
}
