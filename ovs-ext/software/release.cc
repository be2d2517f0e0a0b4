#include "software/release.h"
