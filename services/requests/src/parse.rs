//! Requests to the request service, parsed into commands.

use keruen_domain::{
    Contents, Packed,
    id::IdKind,
    limits,
    request::{ApproveRequest, ApprovedQuantity, FileRequest, NeededGoods, RejectRequest},
};
use keruen_edge::Fields;
use keruen_proto::requests::v1::{
    ApproveRequestRequest, ApprovedLine, FileRequestRequest, RejectRequestRequest, RejectionReason,
    RequestLine, RequestPriority,
};

/// A request to be filed.
pub fn file(message: &FileRequestRequest, fields: &mut Fields) -> Option<Packed<FileRequest>> {
    let request_id = fields.new_code("request_id", &message.request_id, IdKind::Request);
    let facility_id = fields.code("facility_id", &message.facility_id);
    let given: Vec<i32> = message.lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let lines = fields.some("lines", &message.lines, limits::REQUEST_LINES, needed_goods);
    let priority = fields.stated_or("priority", message.priority, RequestPriority::Routine);
    let needed_by = fields.date("needed_by", &message.needed_by);
    let lines = lines?
        .into_iter()
        .zip(numbers?)
        .map(|(line, number)| NeededGoods {
            line: number,
            ..line
        })
        .collect();
    let in_packs = fields.lines_in_packs("lines", 0, &message.lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let command = FileRequest {
        request_id: request_id?,
        facility_id: facility_id?,
        lines,
        priority: priority?,
        needed_by: needed_by?,
    };
    Some(Packed::new(command, in_packs?, |it, index| {
        Some(&mut it.lines.get_mut(index)?.quantity)
    }))
}

fn needed_goods(fields: &mut Fields, path: &str, line: &RequestLine) -> Option<NeededGoods> {
    let commodity_id = fields.optional_code(&format!("{path}.commodity_id"), &line.commodity_id);
    let item_id = fields.optional_code(&format!("{path}.item_id"), &line.item_id);
    let named = commodity_id != Some(None) || item_id != Some(None);
    if !named {
        fields.reject(path, "must name a commodity_id or an item_id");
    }
    let quantity = fields.quantity(&format!("{path}.requested"), line.requested);
    for (name, value) in [
        ("approved", line.approved),
        ("allocated", line.allocated),
        ("received", line.received),
    ] {
        if value != 0 {
            fields.reject(
                format!("{path}.{name}"),
                "is decided later and must be 0 here",
            );
        }
    }
    let goods = NeededGoods {
        line: line.line,
        commodity_id: commodity_id?,
        item_id: item_id?,
        quantity: quantity?,
    };
    named.then_some(goods)
}

/// A request to be approved.
pub fn approve(message: &ApproveRequestRequest, fields: &mut Fields) -> Option<ApproveRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let given: Vec<i32> = message.lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let lines = fields.each(
        "lines",
        &message.lines,
        limits::REQUEST_LINES,
        approved_quantity,
    );
    numbers?;
    let lines = lines?;
    Some(ApproveRequest {
        request_id: request_id?,
        lines: (!lines.is_empty()).then_some(lines),
    })
}

fn approved_quantity(
    fields: &mut Fields,
    path: &str,
    line: &ApprovedLine,
) -> Option<ApprovedQuantity> {
    if line.line == 0 {
        fields.reject(
            format!("{path}.line"),
            "must be the number of a line of the request; found 0",
        );
        return None;
    }
    if line.quantity != 0 {
        fields.quantity(&format!("{path}.quantity"), line.quantity)?;
    }
    Some(ApprovedQuantity {
        line: line.line,
        quantity: line.quantity,
    })
}

/// A request to be rejected.
pub fn reject(message: &RejectRequestRequest, fields: &mut Fields) -> Option<RejectRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let reason: Option<RejectionReason> = fields.stated("reason", message.reason);
    Some(RejectRequest {
        request_id: request_id?,
        reason: reason?,
    })
}
