export const HELP = `telegraf-sentinel: a sentinel's stores, from the shell

  telegraf-sentinel migrate --from <store> --to <store> [options]
      Copies blocks, registrations and members from one store to another. Both may be in use. Of two records
      of one user the later stays; to run it again changes nothing. If it is interrupted, the same command
      goes on where it ended.

      <store>            redis://…, rediss://…, postgres://…, postgresql://…, pglite:<folder>,
                         or ./my-store.js: a module whose default export, or export 'store', is a StorageAdapter
      --prefix <text>    first segment of the keys (default: sentinel)
      --bot <text>       second segment of the keys (default: main)
      --to-prefix, --to-bot <text>
                         the same in the target, if it is to be called otherwise
      --state <file>     where to keep how far it is (default: a file in the working directory that is named
                         after the two stores; it is removed at the end)
      --restart          from the start, whatever the state file says

  telegraf-sentinel schema [--schema <name>]
      Prints the SQL that PostgresStore needs, for those who run their migrations themselves.

  telegraf-sentinel --help, --version

Exit codes: 0 done, 1 a store failed, 2 the command is wrong, 130 interrupted (Ctrl+C).
`
