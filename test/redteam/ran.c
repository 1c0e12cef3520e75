// SPDX-License-Identifier: Apache-2.0
/* The program that no profile allows. That it ran shows at the other end of a pipe. */
#include <unistd.h>
#include "acts.h"

int main(void)
{
	return write(RAN_FD, "ran", 3) != 3;
}
