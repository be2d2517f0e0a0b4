// What speaks for and against an upgrade of the operator's switch as it is now.
#pragma once

#include "control/controllers_plan.h"
#include "instance/operator_switch.h"
#include "ovsdb/switch_config.h"
#include "upgrade/pair.h"
#include "upgrade/preflight.h"

namespace hitless::upgrade {

struct Judgement {
    ovsdb::SwitchConfig config;
    control::ControllersPlan controllers;
    Findings findings;   // of both, and with add_state() of state
};

// Reads the operator's database.
Result<Judgement> judge(const instance::OperatorSwitch& a, const Places& places);

// Adds what speaks for and against it in the state of 'a', which forwards, unless it is refused anyway.
Status add_state(const instance::OperatorSwitch& a, Judgement& judgement, const Places& places);

// An Error with all refusals, if there are any.
Status refuse(const Findings& findings);

}  // namespace hitless::upgrade
