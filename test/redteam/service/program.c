// SPDX-License-Identifier: Apache-2.0
/*
 * Programs without a library, which write a word into the file that they are given. `LOADER`: an interpreter of
 * programs, as `ld.so` is one, which enters its program. With `WORD` too it does the program's work in its place.
 */
#include <asm/unistd.h>
#include <elf.h>

static long call(long number, long a, long b, long c)
{
	long result;

	asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}

#ifdef WORD
static void work(const char *path)
{
	static const char word[] = WORD "\n";
	long fd = call(__NR_open, (long)path, 01 | 0100, 0644);

	call(__NR_write, fd, (long)word, sizeof(word) - 1);
	call(__NR_exit_group, 0, 0, 0);
}
#endif

/* `stack`: as the kernel made it, with the number of arguments. Gives the address to go on at. */
__attribute__((used)) static long begin(long *stack)
{
#ifdef WORD
	work((const char *)stack[2]);
#endif
#ifdef LOADER
	long *at = stack + stack[0] + 2;

	while (*at)
		at++;
	for (at++; at[0] != AT_NULL; at += 2)
		if (at[0] == AT_ENTRY)
			return at[1];
#endif
	call(__NR_exit_group, 1, 0, 0);
	return 0;
}

asm(".globl _start\n_start:\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tpush %rdi\n\tpush %rdi\n\tcall begin\n\tpop %rsp\n\tjmp *%rax\n");
