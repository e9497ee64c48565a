//! Requests about assets, parsed into commands.

use keruen_domain::{
    asset::{AcceptAssetLoss, ChangeAsset, Step},
    limits,
};
use keruen_edge::Fields;
use keruen_proto::{
    inventory::v1::{
        AcceptAssetLossRequest, AssetCondition, AssetFault, EmptyContainerRequest,
        EndAssetLoanRequest, EndAssetRepairRequest, FillContainerRequest, InstallAssetRequest,
        LendAssetRequest, PutAssetInsideRequest, PutAssetIntoServiceRequest, RemoveAssetRequest,
        ReportAssetConditionRequest, RetireAssetRequest, SendAssetForRepairRequest,
        ServiceAssetRequest, TakeAssetOutRequest,
    },
    registry::v1::DocumentRef,
};

/// The asset, the step and what it rests on.
fn change(
    fields: &mut Fields,
    item_id: &str,
    serial_number: &str,
    documents: &[DocumentRef],
    step: Option<Step>,
) -> Option<ChangeAsset> {
    let item_id = fields.code("item_id", item_id);
    let serial_number = fields.label("serial_number", serial_number);
    let documents = fields.documents("documents", documents);
    Some(ChangeAsset {
        item_id: item_id?,
        serial_number: serial_number?,
        step: step?,
        documents: documents?,
    })
}

macro_rules! parse {
    ($message:ident, $fields:ident, $step:expr) => {{
        let step = $step;
        change(
            $fields,
            &$message.item_id,
            &$message.serial_number,
            &$message.documents,
            step,
        )
    }};
}

/// An installation.
pub fn install(message: &InstallAssetRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let fit_override = fields.fit_override("fit_override", message.fit_override.as_ref());
        fit_override.map(|fit_override| Step::Install { fit_override })
    })
}

/// Something that is taken down.
pub fn remove(message: &RemoveAssetRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, Some(Step::Remove))
}

/// Something that is put into another one.
pub fn put_inside(message: &PutAssetInsideRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let inside = message.inside.clone().unwrap_or_default();
        let item_id = fields.code("inside.item_id", &inside.item_id);
        let serial_number = fields.label("inside.serial_number", &inside.serial_number);
        item_id
            .zip(serial_number)
            .map(|(item_id, serial_number)| Step::PutInside {
                item_id,
                serial_number,
            })
    })
}

/// Something that is taken out of another one.
pub fn take_out(message: &TakeAssetOutRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, Some(Step::TakeOut))
}

/// Something that is put into service.
pub fn put_into_service(
    message: &PutAssetIntoServiceRequest,
    fields: &mut Fields,
) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let output = fields.measured_output("output", message.output.as_ref());
        let trained_user_refs = fields.some(
            "trained_user_refs",
            &message.trained_user_refs,
            limits::TRAINED_USERS,
            |fields, path, user| fields.person(path, user),
        );
        let service_due_on = fields.date("service_due_on", &message.service_due_on);
        let all = output.zip(trained_user_refs).zip(service_due_on);
        all.map(
            |((output, trained_user_refs), service_due_on)| Step::PutIntoService {
                output,
                trained_user_refs,
                service_due_on,
            },
        )
    })
}

/// A report that something is out of order, or works again.
pub fn report(message: &ReportAssetConditionRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        match (fields.stated("condition", message.condition), message.fault) {
            (Some(AssetCondition::OutOfOrder), fault) => {
                let fault = fields.stated::<AssetFault>("fault", fault);
                fault.map(|fault| Step::BreakDown { fault })
            }
            (Some(AssetCondition::InService), 0) => Some(Step::Recover),
            (Some(AssetCondition::InService), _) => {
                fields.reject("fault", "must be left out where it works");
                None
            }
            (Some(other), _) => {
                let found = other.as_str_name();
                fields.reject(
                    "condition",
                    format!("must be OUT_OF_ORDER or IN_SERVICE; found {found}"),
                );
                None
            }
            (None, _) => None,
        }
    })
}

/// A repair that begins.
pub fn send_for_repair(
    message: &SendAssetForRepairRequest,
    fields: &mut Fields,
) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let repairer_id = fields.code("repairer_id", &message.repairer_id);
        let expected_on = fields.date("expected_on", &message.expected_on);
        let both = repairer_id.zip(expected_on);
        both.map(|(repairer_id, expected_on)| Step::SendForRepair {
            repairer_id,
            on_site: message.on_site,
            expected_on,
        })
    })
}

/// A repair that ended.
pub fn end_repair(message: &EndAssetRepairRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let outcome = fields.stated("outcome", message.outcome);
        let output = fields.measured_output("output", message.output.as_ref());
        let service_due_on = fields.date("service_due_on", &message.service_due_on);
        let all = outcome.zip(output).zip(service_due_on);
        all.map(|((outcome, output), service_due_on)| Step::EndRepair {
            outcome,
            output,
            service_due_on,
        })
    })
}

/// A service.
pub fn service(message: &ServiceAssetRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let output = fields.measured_output("output", message.output.as_ref());
        let service_due_on = fields.date("service_due_on", &message.service_due_on);
        output
            .zip(service_due_on)
            .map(|(output, service_due_on)| Step::Service {
                output,
                service_due_on,
            })
    })
}

/// A loan.
pub fn lend(message: &LendAssetRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let borrower_id = fields.code("borrower_id", &message.borrower_id);
        let due_on = match fields.date("due_on", &message.due_on) {
            Some(None) => {
                fields.reject("due_on", "must be stated, for example 2020-12-31");
                None
            }
            day => day.flatten(),
        };
        let both = borrower_id.zip(due_on);
        both.map(|(borrower_id, due_on)| Step::Lend {
            borrower_id,
            due_on,
        })
    })
}

/// A loan that ended.
pub fn end_loan(message: &EndAssetLoanRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let fault = match message.fault {
            0 => Some(None),
            stated => fields.stated("fault", stated).map(Some),
        };
        fault.map(|fault| Step::EndLoan { fault })
    })
}

/// A container that was filled.
pub fn fill(message: &FillContainerRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let filler_id = fields.optional_code("filler_id", &message.filler_id);
        filler_id.map(|filler_id| Step::Fill { filler_id })
    })
}

/// A container that is empty.
pub fn empty(message: &EmptyContainerRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    let (item_id, serial_number) = (&message.item_id, &message.serial_number);
    change(fields, item_id, serial_number, &[], Some(Step::Empty))
}

/// An asset that is never to be used again.
pub fn retire(message: &RetireAssetRequest, fields: &mut Fields) -> Option<ChangeAsset> {
    parse!(message, fields, {
        let reason = fields.stated("reason", message.reason);
        reason.map(|reason| Step::Retire { reason })
    })
}

/// A loss that an act settles.
pub fn accept_loss(
    message: &AcceptAssetLossRequest,
    fields: &mut Fields,
) -> Option<AcceptAssetLoss> {
    let item_id = fields.code("item_id", &message.item_id);
    let serial_number = fields.label("serial_number", &message.serial_number);
    let act = fields.there("act", message.act.as_ref());
    let act = act.and_then(|act| fields.document("act", act));
    let verdict = fields.stated("verdict", message.verdict);
    Some(AcceptAssetLoss {
        item_id: item_id?,
        serial_number: serial_number?,
        act: act?,
        verdict: verdict?,
        stolen: message.stolen,
    })
}

#[cfg(test)]
mod tests {
    use keruen_proto::inventory::v1::MeasuredOutput;

    use super::*;

    #[test]
    fn what_works_has_no_fault() {
        let parsed = |condition: AssetCondition, fault: i32| {
            let message = ReportAssetConditionRequest {
                item_id: "CONC".to_owned(),
                serial_number: "S1".to_owned(),
                condition: condition.into(),
                fault,
                ..ReportAssetConditionRequest::default()
            };
            report(&message, &mut Fields::of_query()).is_some()
        };
        let leak = AssetFault::Leak.into();
        assert!(parsed(AssetCondition::OutOfOrder, leak));
        assert!(parsed(AssetCondition::InService, 0));
        assert!(!parsed(AssetCondition::OutOfOrder, 0));
        assert!(!parsed(AssetCondition::InService, leak));
        assert!(!parsed(AssetCondition::Retired, 0));
    }

    #[test]
    fn somebody_is_taught_to_run_what_is_put_into_service() {
        let parsed = |users: &[&str], value_milli: i64| {
            let message = PutAssetIntoServiceRequest {
                item_id: "CONC".to_owned(),
                serial_number: "S1".to_owned(),
                trained_user_refs: users.iter().map(|user| (*user).to_owned()).collect(),
                output: Some(MeasuredOutput {
                    value_milli,
                    unit_code: "L2".to_owned(),
                }),
                ..PutAssetIntoServiceRequest::default()
            };
            put_into_service(&message, &mut Fields::of_query()).is_some()
        };
        assert!(parsed(&["person:7"], 9_800));
        assert!(!parsed(&[], 9_800));
        assert!(!parsed(&["person:7", "Ann Lee"], 9_800));
        assert!(!parsed(&["person:7"], -1));
    }
}
