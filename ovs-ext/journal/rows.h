// Rows of the database hitless <-> records. For database.cc alone; the types are those of the generated IDL.
#pragma once

#include <vector>

#include "journal/database.h"

struct hitlessrec_upgrade;

namespace hitless::journal {

// Composes in 'txn' what 'wanted' asks for. Makes the root row and both Instance rows where they are absent.
void compose(ovsdb_idl* idl, ovsdb_idl_txn* txn, const Wanted& wanted);

OperationRecord read_operation(const hitlessrec_upgrade& row);
Overview read_overview(const hitlessrec_hitless& root);

}  // namespace hitless::journal
