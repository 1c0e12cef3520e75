import type { Service } from '../service.ts'
import { apache2 } from './apache2.ts'
import { jobIntake } from './job-intake.ts'
import { beanstalkd } from './beanstalkd.ts'
import { bind9 } from './bind9.ts'
import { borgbackup } from './borgbackup.ts'
import { carbon } from './carbon.ts'
import { cgit } from './cgit.ts'
import { chrony } from './chrony.ts'
import { cronie } from './cronie.ts'
import { dnsmasq } from './dnsmasq.ts'
import { dovecot } from './dovecot.ts'
import { dpkgBuildpackage } from './dpkg-buildpackage.ts'
import { exim } from './exim.ts'
import { gitDaemon } from './git-daemon.ts'
import { haproxy } from './haproxy.ts'
import { taskboard } from './taskboard.ts'
import { lighttpd } from './lighttpd.ts'
import { mariadb } from './mariadb.ts'
import { memcached } from './memcached.ts'
import { muninNode } from './munin-node.ts'
import { ngircd } from './ngircd.ts'
import { nodeExporter } from './node-exporter.ts'
import { opensmtpd } from './opensmtpd.ts'
import { phpFpm } from './php-fpm.ts'
import { postfix } from './postfix.ts'
import { postgresql } from './postgresql.ts'
import { proftpd } from './proftpd.ts'
import { prometheus } from './prometheus.ts'
import { prosody } from './prosody.ts'
import { puma } from './puma.ts'
import { radicale } from './radicale.ts'
import { rsync } from './rsync.ts'
import { slapd } from './slapd.ts'
import { snmpd } from './snmpd.ts'
import { spamassassin } from './spamassassin.ts'
import { squid } from './squid.ts'
import { starman } from './starman.ts'
import { subversion } from './subversion.ts'
import { syslogNg } from './syslog-ng.ts'
import { tcc } from './tcc.ts'
import { textpipe } from './textpipe.ts'
import { ticketstore } from './ticketstore.ts'
import { tinyproxy } from './tinyproxy.ts'
import { bup } from './bup.ts'
import { darcs } from './darcs.ts'
import { bookkeeper } from './bookkeeper.ts'
import { restic } from './restic.ts'
import { tftpd } from './tftpd.ts'
import { thumbnailer } from './thumbnailer.ts'
import { unbound } from './unbound.ts'
import { valkey } from './valkey.ts'
import { visitorlog } from './visitorlog.ts'
import { vsftpd } from './vsftpd.ts'

/** By kind, in its order. */
export const allServices: readonly Service[] = [
  [apache2, lighttpd, haproxy, tinyproxy, squid, cgit],
  [mariadb, postgresql, valkey, memcached, slapd, prometheus],
  [beanstalkd, postfix, exim, opensmtpd, dovecot, ngircd, spamassassin, prosody],
  [radicale, starman, puma, ticketstore, visitorlog, phpFpm, taskboard],
  [
    rsync,
    cronie,
    tcc,
    textpipe,
    gitDaemon,
    subversion,
    proftpd,
    vsftpd,
    dpkgBuildpackage,
    borgbackup,
    jobIntake,
    bup,
    darcs,
    bookkeeper,
    restic,
    thumbnailer,
  ],
  [unbound, dnsmasq, bind9, chrony, syslogNg, snmpd, nodeExporter, carbon, muninNode, tftpd],
].flat()
