#!/bin/sh
# Apache with mod_oauth2 of Debian, as its oauth2.conf has it: https://github.com/OpenIDC/mod_oauth2
set -eu
modules=/usr/lib/apache2/modules
home=$(mktemp -d)
mkdir "$home/www"
echo served >"$home/www/protected"
keys="jwks_uri $JWKS_URL jwks_uri.ssl_verify=false&verify.exp=required"
case $SETTING in
    introspection)
        client="introspect.auth=client_secret_basic&client_id=$CLIENT_ID&client_secret=$CLIENT_SECRET"
        verify="introspect $INTROSPECTION_URL introspect.ssl_verify=false&$client"
        ;;
    dpop) verify="$keys&type=dpop" ;;
    tls) verify="$keys&type=mtls" ;;
    *) verify=$keys ;;
esac
cat >"$home/apache.conf" <<END
ServerName localhost
ServerRoot $home
PidFile $home/pid
ErrorLog $home/error.log
Listen 127.0.0.1:$PORT
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule ssl_module $modules/mod_ssl.so
LoadModule oauth2_module $modules/mod_oauth2.so
DocumentRoot $home/www
<Location /protected>
    AuthType oauth2
    OAuth2TokenVerify $verify
    <RequireAll>
        Require valid-user
        Require oauth2_claim iss:$ISSUER
        Require oauth2_claim aud:$AUDIENCE
    </RequireAll>
</Location>
END
[ "$SETTING" != dpop ] || cat >>"$home/apache.conf" <<END
OAuth2AcceptTokenIn header name=Authorization&type=DPoP
END
[ "$SETTING" != tls ] || cat >>"$home/apache.conf" <<END
Listen 127.0.0.1:$TLS_PORT
<VirtualHost 127.0.0.1:$TLS_PORT>
    SSLEngine on
    SSLCertificateFile $TLS_DIRECTORY/server.pem
    SSLCertificateKeyFile $TLS_DIRECTORY/server.key
    SSLCACertificateFile $TLS_DIRECTORY/authority.pem
    SSLVerifyClient optional
    SSLOptions +StdEnvVars +ExportCertData
</VirtualHost>
END
exec /usr/sbin/apache2 -f "$home/apache.conf" -DFOREGROUND
