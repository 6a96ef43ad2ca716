-- sophia's role and its database, made or brought in line by `sophia deploy`. psql reads it from
-- stdin: the password is in no argument, and in no log.
\set ON_ERROR_STOP on
\set QUIET on
\set role {{ services.postgres.database }}
SET log_statement = 'none';
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
SELECT format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD %L',
              :'role', '{{ secrets["postgres-password"] | replace("'", "''") }}') \gexec
-- The same order of texts on every host, whatever its C library is: since version 17.
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' ', :'role', :'role')
       || CASE WHEN current_setting('server_version_num')::int >= 170000
               THEN 'LOCALE_PROVIDER builtin BUILTIN_LOCALE ''C.UTF-8'' LOCALE ''C'''
               ELSE 'LOCALE ''C.UTF-8''' END
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
SELECT format('ALTER DATABASE %I OWNER TO %I', :'role', :'role') \gexec
SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'role') \gexec
