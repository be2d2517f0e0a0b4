#include "openflow/connection.h"
