// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM keeps of the host's registers while a guest runs. With VHE the host has
 * registers of its own, and there is nothing to keep.
 */
#include "attack.h"

#include <linux/kvm.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define CODE_ADDRESS	0x10000

/* words[]: the guest runs, it is to end */
#define RUNS	(&shared->words[0])
#define END	(&shared->words[1])

static int vcpu_fd;

static void nothing(int sig)
{
	(void)sig;
}

#ifdef __aarch64__

static void set_register(u64 id, u64 value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	if (ioctl(vcpu_fd, KVM_SET_ONE_REG, &reg))
		die("cannot set a register of the guest: %s", strerror(errno));
}

/* A guest that does nothing, for ever. */
static bool make_guest(void)
{
	uint32_t *code = map_at(NULL, PAGE_SIZE, MAP_SHARED);
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = CODE_ADDRESS,
		.memory_size = PAGE_SIZE,
		.userspace_addr = (uintptr_t)code,
	};
	int kvm = open("/dev/kvm", O_RDWR), vm;
	struct kvm_vcpu_init init;

	if (kvm < 0)
		return false;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	*code = 0x14000000; /* b . */
	if (vm < 0 || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) ||
	    ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init))
		die("cannot make a virtual machine: %s", strerror(errno));
	vcpu_fd = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu_fd < 0 || ioctl(vcpu_fd, KVM_ARM_VCPU_INIT, &init))
		die("cannot make a virtual CPU: %s", strerror(errno));
	set_register(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
		     KVM_REG_ARM_CORE_REG(regs.pc), CODE_ADDRESS);
	return true;
}

#else

static bool make_guest(void)
{
	return false;
}

#endif

/* Runs the guest until a signal comes; then does what must not work. */
static int guest(void *arg)
{
	struct sigaction action = { .sa_handler = nothing };

	(void)arg;
	run_on_cpu(1);
	sigaction(SIGUSR1, &action, NULL);
	*(volatile u64 *)RUNS = 1;
	while (!*(volatile u64 *)END)
		ioctl(vcpu_fd, KVM_RUN, 0);
	return steal_as_helper(NULL);
}

/* Where KVM has data of CPU 1; 0 with VHE. */
static u64 host_data(void)
{
	u64 base = kernel_read(lookup("__kvm_nvhe_kvm_arm_hyp_percpu_base") + 8);

	return base ? base + lookup("__kvm_nvhe_kvm_host_data") -
		      lookup("__kvm_nvhe___per_cpu_start") : 0;
}

/* TCR2_EL1 without overlays, and POR_EL1 with all rights. */
static int host_context(void)
{
	u64 data, tcr2, por, end;
	pid_t pid;

	if (!on_arch("arm64"))
		return not_possible("no KVM");
	data = host_data();
	if (!data || !make_guest())
		return not_possible("KVM keeps no registers of the host");
	tcr2 = data + lookup("kvm_host_data.host_ctxt.sys_regs[TCR2_EL1]");
	por = data + lookup("kvm_host_data.host_ctxt.sys_regs[POR_EL1]");

	run_on_cpu(0);
	pid = start(guest, NULL);
	wait_for(RUNS, 1);
	usleep(100000);
	/* A second while the guest runs, and one in which it ends. */
	for (end = now_ns() + 2000000000ULL; now_ns() < end && !helper_wrote();) {
		restore(tcr2, kernel_read(tcr2) & ~(1ULL << 3));
		restore(por, kernel_read(por) | 0x77);
		if (end - now_ns() > 1000000000ULL)
			continue;
		*(volatile u64 *)END = 1;
		kill(pid, SIGUSR1);
	}
	shared->nr_writes = 2;
	return steal_with_helper(pid) ? DONE : GAINED_NOTHING;
}

const struct attack virtualization[] = {
	{ "kvm-host-context", "the host's registers while a guest runs", host_context },
	{ }
};
