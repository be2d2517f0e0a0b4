#include "datapath/steering.h"
