//! Requests to the request service, parsed into commands.

use keruen_domain::{
    Contents, InPacks, Packed,
    id::IdKind,
    limits,
    request::{
        AcknowledgeRequest, AmendRequest, AnswerSubstitute, ApproveRequest, ApprovedQuantity,
        CancelRequest, CloseRequestShort, ConfirmApproval, EscalateRequest, FileRequest,
        MarkDuplicate, NeededGoods, OfferSubstitute, ReconfirmNeed, RejectRequest, Spoken,
        TriageRequest,
    },
};
use keruen_edge::Fields;
use keruen_proto::requests::v1::{
    AcknowledgeRequestRequest, AmendRequestRequest, AnswerSubstituteRequest, ApproveRequestRequest,
    ApprovedLine, CancelRequestRequest, CloseRequestShortRequest, ConfirmApprovalRequest,
    EscalateRequestRequest, FileRequestRequest, Filing, MarkDuplicateRequest, Need, NeedKind,
    OfferSubstituteRequest, ReconfirmNeedRequest, RejectRequestRequest, RejectionReason,
    RequestChannel, RequestLine, RequestPriority, TriageRequestRequest, WordOfMouth,
};

/// More people than a hospital has beds, by far.
const MAX_PATIENTS: i64 = 1_000_000;
/// Who was called so often is called in other ways.
const MAX_LEVEL: i64 = 100;
/// Ten years.
const MAX_DAYS: i64 = 3_660;

/// A request to be filed.
pub fn file(message: &FileRequestRequest, fields: &mut Fields) -> Option<Packed<FileRequest>> {
    let request_id = fields.new_code("request_id", &message.request_id, IdKind::Request);
    let facility_id = fields.code("facility_id", &message.facility_id);
    if message.lines.is_empty() {
        fields.reject("lines", "must have at least one entry");
    }
    let lines = lines(fields, &message.lines);
    let priority = fields.stated_or("priority", message.priority, RequestPriority::Routine);
    let needed_by = fields.date("needed_by", &message.needed_by);
    let clinical_reason_code = clinical_reason(fields, &message.clinical_reason_code);
    let filing = filing(fields, message.filing.as_ref());
    let (lines, in_packs) = lines?;
    let command = FileRequest {
        request_id: request_id?,
        facility_id: facility_id?,
        lines,
        priority: priority?,
        needed_by: needed_by?,
        clinical_reason_code: clinical_reason_code?,
        filing: filing?,
    };
    Some(Packed::new(command, in_packs, |it, index| {
        let quantity = it.lines.get_mut(index)?.quantity.as_mut()?;
        Some(quantity)
    }))
}

/// A request to be amended.
pub fn amend(message: &AmendRequestRequest, fields: &mut Fields) -> Option<Packed<AmendRequest>> {
    let request_id = fields.code("request_id", &message.request_id);
    let lines = lines(fields, &message.lines);
    let priority = match message.priority {
        0 => Some(None),
        priority => fields.stated("priority", priority).map(Some),
    };
    let needed_by = fields.date("needed_by", &message.needed_by);
    let code = clinical_reason(fields, &message.clinical_reason_code);
    let (lines, in_packs) = lines?;
    let command = AmendRequest {
        request_id: request_id?,
        lines: (!lines.is_empty()).then_some(lines),
        priority: priority?,
        needed_by: needed_by?,
        clinical_reason_code: code.map(|code| Some(code).filter(|code| !code.is_empty()))?,
    };
    Some(Packed::new(command, in_packs, |it, index| {
        let quantity = it.lines.as_mut()?.get_mut(index)?.quantity.as_mut()?;
        Some(quantity)
    }))
}

fn needed_goods(fields: &mut Fields, path: &str, line: &RequestLine) -> Option<NeededGoods> {
    let commodity_id = fields.optional_code(&format!("{path}.commodity_id"), &line.commodity_id);
    let item_id = fields.optional_code(&format!("{path}.item_id"), &line.item_id);
    let need = need(fields, &format!("{path}.need"), line.need.as_ref());
    let named = commodity_id != Some(None) || item_id != Some(None) || need != Some(None);
    if !named {
        fields.reject(path, "must name a commodity_id, an item_id or a need");
    }
    let quantity = match line.requested {
        // A need leaves to whoever approves it how many that takes.
        0 if line.need.is_some() => Some(None),
        requested => fields
            .quantity(&format!("{path}.requested"), requested)
            .map(Some),
    };
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
        need: need?,
    };
    let countable =
        goods.quantity.is_none() || goods.commodity_id.is_some() || goods.item_id.is_some();
    if !countable {
        fields.reject(
            format!("{path}.requested"),
            "must be 0 where a need names neither commodity nor item: nobody knows of what",
        );
    }
    (named && countable).then_some(goods)
}

#[expect(
    clippy::option_option,
    reason = "malformed, absent and given are three things"
)]
fn need(fields: &mut Fields, path: &str, need: Option<&Need>) -> Option<Option<Need>> {
    let Some(need) = need else {
        return Some(None);
    };
    let kind: Option<NeedKind> = fields.stated(&format!("{path}.kind"), need.kind);
    let patients = in_range(
        fields,
        &format!("{path}.patients"),
        need.patients,
        1,
        MAX_PATIENTS,
    );
    let days = in_range(
        fields,
        &format!("{path}.days"),
        i64::from(need.days),
        0,
        MAX_DAYS,
    );
    let per_patient =
        fields.measured_output(&format!("{path}.per_patient"), need.per_patient.as_ref());
    let _ = (kind?, patients?, days?, per_patient?);
    Some(Some(need.clone()))
}

fn in_range(fields: &mut Fields, field: &str, value: i64, least: i64, most: i64) -> Option<()> {
    if (least..=most).contains(&value) {
        return Some(());
    }
    fields.reject(field, format!("must be {least} to {most}; found {value}"));
    None
}

/// An ICD-10 code: a letter, a digit, a letter or digit, and maybe a point with up to four more; empty where not stated.
fn clinical_reason(fields: &mut Fields, text: &str) -> Option<String> {
    let (category, detail) = text
        .split_once('.')
        .map_or((text, None), |(category, rest)| (category, Some(rest)));
    let is_category = matches!(category.as_bytes(), [letter, digit, last]
        if letter.is_ascii_uppercase() && digit.is_ascii_digit() && is_mark(*last));
    let is_detail =
        detail.is_none_or(|detail| (1..=4).contains(&detail.len()) && detail.bytes().all(is_mark));
    if text.is_empty() || (is_category && is_detail) {
        return Some(text.to_owned());
    }
    let shown: String = text.chars().take(80).collect();
    fields.reject(
        "clinical_reason_code",
        format!("must be an ICD-10 code, for example J96.0; found {shown:?}"),
    );
    None
}

fn is_mark(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

#[expect(
    clippy::option_option,
    reason = "malformed, absent and given are three things"
)]
fn filing(fields: &mut Fields, filing: Option<&Filing>) -> Option<Option<Filing>> {
    let Some(filing) = filing else {
        return Some(None);
    };
    let channel: Option<RequestChannel> = fields.stated("filing.channel", filing.channel);
    let filed_by_id = fields.optional_code("filing.filed_by_id", &filing.filed_by_id);
    let asked_by = fields.optional_person("filing.asked_by_ref", &filing.asked_by_ref);
    let _ = (channel?, filed_by_id?, asked_by?);
    Some(Some(filing.clone()))
}

/// Lines of a request, and the packs in which they are told.
fn lines(fields: &mut Fields, lines: &[RequestLine]) -> Option<(Vec<NeededGoods>, Vec<InPacks>)> {
    let given: Vec<i32> = lines.iter().map(|line| line.line).collect();
    let numbers = fields.line_numbers("lines", &given);
    let parsed = fields.each("lines", lines, limits::REQUEST_LINES, needed_goods);
    let in_packs = fields.lines_in_packs("lines", 0, lines, |line| {
        (&line.pack_id, Contents::Item(&line.item_id))
    });
    let lines = parsed?
        .into_iter()
        .zip(numbers?)
        .map(|(line, number)| NeededGoods {
            line: number,
            ..line
        })
        .collect();
    Some((lines, in_packs?))
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
    let spoken = match &message.word_of_mouth {
        Some(spoken) => self::spoken(fields, spoken).map(Some),
        None => Some(None),
    };
    numbers?;
    let lines = lines?;
    Some(ApproveRequest {
        request_id: request_id?,
        lines: (!lines.is_empty()).then_some(lines),
        spoken: spoken?,
    })
}

fn spoken(fields: &mut Fields, spoken: &WordOfMouth) -> Option<Spoken> {
    let approved_by_ref = fields.person("word_of_mouth.approved_by_ref", &spoken.approved_by_ref);
    let field = "word_of_mouth.confirm_by";
    let confirm_by = fields.there(field, spoken.confirm_by.as_ref()).copied();
    let confirm_by_us = confirm_by.and_then(|time| fields.time(field, Some(&time)));
    Some(Spoken {
        approved_by_ref: approved_by_ref?,
        confirm_by_us: confirm_by_us??,
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
    let commodity_id = fields.optional_code(&format!("{path}.commodity_id"), &line.commodity_id);
    let item_id = fields.optional_code(&format!("{path}.item_id"), &line.item_id);
    Some(ApprovedQuantity {
        line: line.line,
        quantity: line.quantity,
        commodity_id: commodity_id?,
        item_id: item_id?,
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

/// That a request was seen.
pub fn acknowledge(
    message: &AcknowledgeRequestRequest,
    fields: &mut Fields,
) -> Option<AcknowledgeRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let expected_at_us = fields.time("expected_at", message.expected_at.as_ref());
    Some(AcknowledgeRequest {
        request_id: request_id?,
        expected_at_us: expected_at_us?,
    })
}

/// What the front office says.
pub fn triage(message: &TriageRequestRequest, fields: &mut Fields) -> Option<TriageRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let office_id = fields.code("office_id", &message.office_id);
    let priority = match message.priority {
        0 => Some(None),
        priority => fields.stated("priority", priority).map(Some),
    };
    let forwarded_to_id = fields.optional_code("forwarded_to_id", &message.forwarded_to_id);
    Some(TriageRequest {
        request_id: request_id?,
        office_id: office_id?,
        priority: priority?,
        forwarded_to_id: forwarded_to_id?,
    })
}

/// A duplicate.
pub fn duplicate(message: &MarkDuplicateRequest, fields: &mut Fields) -> Option<MarkDuplicate> {
    let request_id = fields.code("request_id", &message.request_id);
    let duplicate_of_id = fields.code("duplicate_of_id", &message.duplicate_of_id);
    Some(MarkDuplicate {
        request_id: request_id?,
        duplicate_of_id: duplicate_of_id?,
    })
}

/// That the need is still there.
pub fn reconfirm(message: &ReconfirmNeedRequest, fields: &mut Fields) -> Option<ReconfirmNeed> {
    let request_id = fields.code("request_id", &message.request_id);
    let needed_by = fields.date("needed_by", &message.needed_by);
    let confirmed_by_ref = fields.optional_person("confirmed_by_ref", &message.confirmed_by_ref);
    Some(ReconfirmNeed {
        request_id: request_id?,
        needed_by: needed_by?,
        confirmed_by_ref: confirmed_by_ref?,
    })
}

/// A confirmation in writing.
pub fn confirm(message: &ConfirmApprovalRequest, fields: &mut Fields) -> Option<ConfirmApproval> {
    let request_id = fields.code("request_id", &message.request_id);
    let confirmed_by_ref = fields.person("confirmed_by_ref", &message.confirmed_by_ref);
    let documents = fields.documents("documents", &message.documents);
    Some(ConfirmApproval {
        request_id: request_id?,
        confirmed_by_ref: confirmed_by_ref?,
        documents: documents?,
    })
}

/// A call to those on duty.
pub fn escalate(message: &EscalateRequestRequest, fields: &mut Fields) -> Option<EscalateRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let reason = fields.stated("reason", message.reason);
    let level = in_range(fields, "level", i64::from(message.level), 0, MAX_LEVEL);
    level?;
    Some(EscalateRequest {
        request_id: request_id?,
        reason: reason?,
        level: Some(message.level).filter(|level| *level != 0),
    })
}

/// An offer of another item.
pub fn offer(message: &OfferSubstituteRequest, fields: &mut Fields) -> Option<OfferSubstitute> {
    let request_id = fields.code("request_id", &message.request_id);
    let item_id = fields.code("item_id", &message.item_id);
    let line = in_range(
        fields,
        "line",
        i64::from(message.line),
        1,
        i64::from(i32::MAX),
    );
    line?;
    Some(OfferSubstitute {
        request_id: request_id?,
        line: message.line,
        item_id: item_id?,
    })
}

/// What whoever asked says of it.
pub fn answer(message: &AnswerSubstituteRequest, fields: &mut Fields) -> Option<AnswerSubstitute> {
    let request_id = fields.code("request_id", &message.request_id);
    let offer = in_range(
        fields,
        "offer",
        i64::from(message.offer),
        1,
        i64::from(i32::MAX),
    );
    let decline_reason = match message.decline_reason {
        0 => Some(None),
        reason => fields.stated("decline_reason", reason).map(Some),
    };
    let answered_by_ref = fields.optional_person("answered_by_ref", &message.answered_by_ref);
    offer?;
    Some(AnswerSubstitute {
        request_id: request_id?,
        offer: message.offer,
        decline_reason: decline_reason?,
        answered_by_ref: answered_by_ref?,
    })
}

/// A request that ends short.
pub fn close(message: &CloseRequestShortRequest, fields: &mut Fields) -> Option<CloseRequestShort> {
    let request_id = fields.code("request_id", &message.request_id);
    let reason = fields.stated("reason", message.reason);
    Some(CloseRequestShort {
        request_id: request_id?,
        reason: reason?,
    })
}

/// A request that is taken back.
pub fn cancel(message: &CancelRequestRequest, fields: &mut Fields) -> Option<CancelRequest> {
    let request_id = fields.code("request_id", &message.request_id);
    let reason = fields.stated("reason", message.reason);
    Some(CancelRequest {
        request_id: request_id?,
        reason: reason?,
    })
}
